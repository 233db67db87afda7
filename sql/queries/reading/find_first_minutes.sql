-- The first one-minute candle that is kept of some instruments; null of one without any.
SELECT i.instrument_id, (SELECT min(c.time) FROM market.candles AS c WHERE c.instrument_id = i.instrument_id) AS first_minute
FROM unnest(:'instrument_ids'::integer[]) AS i (instrument_id);
