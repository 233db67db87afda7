-- The instrument of a key.
SELECT instrument_id, instrument_key AS key, calendar, feed FROM market.instruments WHERE instrument_key = :'instrument_key';
