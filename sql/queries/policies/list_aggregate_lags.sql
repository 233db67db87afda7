-- How far each aggregate that has something to do is behind at :at, in seconds. Health tells it too, and counts what is stale
-- besides, which may take seconds.
SELECT aggregate, lag_seconds FROM market.aggregate_lags(:'at'::timestamptz) WHERE oldest_waiting IS NOT NULL ORDER BY width;
