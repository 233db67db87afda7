-- How far each aggregate is behind at :at, in seconds: as market.aggregation_health_at tells it, without counting what is
-- stale, which may take seconds.
SELECT
    k.name AS aggregate,
    greatest(extract(epoch FROM :'at'::timestamptz - (k.oldest + k.width) - k.every - INTERVAL '1 minute'), 0)::double precision
        AS lag_seconds
FROM (
    SELECT
        a.name, a.width,
        time_bucket(a.width, market.oldest_candle_between(
            coalesce(market.materialized_up_to(a.name), '-infinity'),
            time_bucket(a.width, :'at'::timestamptz - INTERVAL '1 minute'),
            a.width = INTERVAL '1 day'
        )) AS oldest,
        CASE WHEN market.stands_in(:'at'::timestamptz) OR j.schedule IS NULL THEN greatest(j.schedule, INTERVAL '5 minutes')
            ELSE j.schedule END AS every
    FROM (VALUES
        ('candles_5m', INTERVAL '5 minutes'), ('candles_15m', '15 minutes'), ('candles_30m', '30 minutes'),
        ('candles_1h', '1 hour'), ('candles_4h', '4 hours'), ('candles_1d_parts', '1 day')
    ) AS a (name, width)
    LEFT JOIN (
        SELECT config ->> 'table_name' AS table_name, schedule_interval AS schedule
        FROM timescaledb_information.jobs
        WHERE proc_schema = 'market' AND proc_name = 'apply_refresh'
    ) AS j ON j.table_name = a.name
) AS k
WHERE k.oldest IS NOT NULL
ORDER BY k.width;
