-- How far each aggregate that has something to do is behind at :at, in seconds. Health reports it too, and also counts what is stale,
-- which may take seconds.
SELECT aggregate, lag_seconds FROM market.aggregate_lags(:'at'::timestamptz) WHERE oldest_waiting IS NOT NULL ORDER BY width;
