-- Written by local/rollups.py, of what candles are declared as.
CREATE OR REPLACE VIEW market.candles_1w AS
SELECT
    instrument_id, date_trunc('week', session_date::timestamp) AT TIME ZONE 'UTC' AS time,
    coalesce(first(open, time) FILTER (WHERE price_eligible), first(open, time)) AS open,
    coalesce(max(high) FILTER (WHERE price_eligible), max(high)) AS high,
    coalesce(min(low) FILTER (WHERE price_eligible), min(low)) AS low,
    coalesce(last(close, time) FILTER (WHERE price_eligible), last(close, time)) AS close,
    sum(volume) AS volume,
    CASE WHEN count(turnover) = count(*) THEN sum(turnover) END AS turnover,
    CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
    bool_or(price_eligible) AS price_eligible,
    sum(minutes)::bigint AS minutes,
    sum(partial_minutes)::bigint AS partial_minutes,
    bit_or(sources) AS sources
FROM market.candles_1d_parts
GROUP BY instrument_id, date_trunc('week', session_date::timestamp) AT TIME ZONE 'UTC';
COMMENT ON VIEW market.candles_1w IS 'Weeks of session dates; time is their Monday at 00:00 UTC.';
