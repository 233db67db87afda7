-- Deletes instruments' rows of market.candle_hours, for good.
DELETE FROM market.candle_hours WHERE instrument_id = ANY (:'instrument_ids'::integer[]);
