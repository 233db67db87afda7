-- Instruments' histories, of their daily candles, which are kept when minutes are dropped: by key from the one after :after on,
-- at most :most; of one feed or all (''), one calendar or all (''), with keys that begin with :prefix, one :instrument_id or any.
SELECT n.instrument_key AS key, h.*
FROM (
    SELECT instrument_id, instrument_key
    FROM market.instruments
    WHERE (:'instrument_id'::integer IS NULL OR instrument_id = :'instrument_id'::integer)
        AND instrument_key > :'after' AND :'feed' IN ('', feed) AND :'calendar' IN ('', calendar)
        AND starts_with(instrument_key, :'prefix')
    ORDER BY instrument_key
    LIMIT :'most'::bigint
) AS n
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(minutes + partial_minutes), 0)::bigint AS minutes, count(*) AS days,
        min(time)::date AS first_day, max(time)::date AS last_day,
        (SELECT min(p.time) FROM market.candles_1d_parts AS p WHERE p.instrument_id = n.instrument_id) AS first,
        (
            SELECT c.time FROM market.candles AS c WHERE c.instrument_id = n.instrument_id ORDER BY c.time DESC LIMIT 1
        ) AS last,
        (array_agg(high ORDER BY high DESC, time))[1] AS high, (array_agg(time::date ORDER BY high DESC, time))[1] AS high_day,
        (array_agg(low ORDER BY low, time))[1] AS low, (array_agg(time::date ORDER BY low, time))[1] AS low_day,
        -- numeric / numeric alone keeps as few as 16 significant digits.
        market.average(sum(close), count(*)) AS average_close,
        market.average(sum(close * volume), sum(volume)) AS weighted_close,
        coalesce(sum(volume), 0) AS volume
    FROM market.candles_1d
    WHERE instrument_id = n.instrument_id
) AS h
ORDER BY n.instrument_key;
