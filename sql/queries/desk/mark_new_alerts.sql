-- Marks all minutes since alerts were armed that are new: a writer of candles that began before may commit after. From :settled on
-- back none of those is left, and they are new no more. No armed one is older than :starts.
WITH recent AS MATERIALIZED (
    SELECT instrument_id, date_trunc('minute', min(armed_at), 'UTC') AS since FROM market.alerts WHERE is_new GROUP BY instrument_id
), settled AS (
    UPDATE market.alerts SET is_new = false WHERE is_new AND armed_at < :'settled'::timestamptz
)
INSERT INTO market.alert_minutes (minute, instrument_ids)
SELECT c.time, array_agg(c.instrument_id)
FROM recent AS r
JOIN market.candles AS c ON c.instrument_id = r.instrument_id AND c.time >= r.since
WHERE c.time >= :'starts'::timestamptz - INTERVAL '1 minute' AND c.time < :'due'::timestamptz
GROUP BY c.time;
