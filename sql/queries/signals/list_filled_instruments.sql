-- The instruments that may have candles before a moment.
SELECT instrument_id FROM market.instruments WHERE (data_from < :'before'::timestamptz) IS NOT FALSE ORDER BY instrument_id;
