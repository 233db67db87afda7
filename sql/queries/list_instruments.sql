-- Every instrument, by key.
SELECT instrument_id, instrument_key AS key, calendar, feed FROM market.instruments ORDER BY instrument_key;
