-- The instruments of keys.
SELECT instrument_key, instrument_id FROM market.instruments WHERE instrument_key = ANY (:'keys'::text[]);
