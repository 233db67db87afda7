-- The first :most candles of an instrument that start in [starts, ends), or with :backward the newest, in order, made of regular
-- hours alone: folded here from minutes, of which :most_minutes are read, as many as that many buckets can have. Buckets are
-- those of the clock, UTC; or with :from_open :width long from where a session opens, and after its break again: there the
-- minute of the closing auction, which starts at the close, lies in the last one. Those with partial minutes, and open ones,
-- only if :partial_too.
WITH instrument AS MATERIALIZED (
    -- As gap monitors count, but for a first candle that none has counted yet: that is :since.
    SELECT calendar, delisted_at, coalesce(listed_at, data_from, :'since'::timestamptz) AS since
    FROM market.instruments WHERE instrument_id = :'instrument_id'::integer
), minutes AS MATERIALIZED (
    (
        SELECT * FROM market.candles
        WHERE NOT :'backward'::boolean AND instrument_id = :'instrument_id'::integer AND NOT extended
            AND time >= :'starts'::timestamptz AND time <= :'ends'::timestamptz + :'width'::interval
        ORDER BY time LIMIT :'most_minutes'::bigint
    )
    UNION ALL
    (
        SELECT * FROM market.candles
        WHERE :'backward'::boolean AND instrument_id = :'instrument_id'::integer AND NOT extended
            AND time >= :'starts'::timestamptz AND time <= :'ends'::timestamptz + :'width'::interval
        ORDER BY time DESC LIMIT :'most_minutes'::bigint
    )
), openings AS MATERIALIZED (
    SELECT s.session_date, s.closes_at, lower(open) AS starts, upper(open) AS ends
    FROM instrument AS n
    JOIN market.sessions AS s USING (calendar)
    CROSS JOIN LATERAL unnest(s.open_hours) AS open
    WHERE
        -- A bucket of the clock may lie in the session before or after as well.
        s.session_date >= (SELECT min(session_date) - 7 FROM minutes)
        AND s.session_date <= (SELECT max(session_date) + 7 FROM minutes)
), placed AS (
    SELECT
        m.*,
        CASE WHEN :'from_open'::boolean
            THEN date_bin(:'width'::interval, least(m.time, o.ends - INTERVAL '1 microsecond'), o.starts)
            ELSE date_bin(:'width'::interval, m.time, '2000-01-01 00:00Z')
        END AS bucket
    FROM minutes AS m
    JOIN openings AS o
        ON o.session_date = m.session_date AND m.time >= o.starts
        AND (m.time < o.ends OR (m.time = o.closes_at AND o.ends = o.closes_at))
), folded AS (
    SELECT
        bucket AS time,
        coalesce(first(open, time) FILTER (WHERE price_eligible), first(open, time)) AS open,
        coalesce(max(high) FILTER (WHERE price_eligible), max(high)) AS high,
        coalesce(min(low) FILTER (WHERE price_eligible), min(low)) AS low,
        coalesce(last(close, time) FILTER (WHERE price_eligible), last(close, time)) AS close,
        sum(volume) AS volume,
        CASE WHEN count(turnover) = count(*) THEN sum(turnover) END AS turnover,
        CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
        bool_or(price_eligible) AS price_eligible,
        count(*) FILTER (WHERE NOT partial) AS minutes,
        bool_or(partial) AS partial,
        bit_or(market.source_bit(source)) AS sources,
        max(session_date) AS session_date,
        bucket + :'width'::interval + CASE WHEN :'from_open'::boolean THEN INTERVAL '1 minute' ELSE INTERVAL '0' END
            <= :'at'::timestamptz AS closed
    FROM placed
    WHERE bucket >= :'starts'::timestamptz AND bucket < :'ends'::timestamptz
    GROUP BY bucket
), page AS (
    (
        SELECT * FROM folded WHERE NOT :'backward'::boolean AND (:'partial_too'::boolean OR (closed AND NOT partial))
        ORDER BY time LIMIT :'most'::bigint
    )
    UNION ALL
    (
        SELECT * FROM folded WHERE :'backward'::boolean AND (:'partial_too'::boolean OR (closed AND NOT partial))
        ORDER BY time DESC LIMIT :'most'::bigint
    )
)
SELECT
    c.time, c.open, c.high, c.low, c.close, c.volume,
    -- numeric / numeric alone keeps as few as 16 significant digits.
    market.average(c.turnover, c.volume) AS vwap,
    c.trades, c.minutes, coalesce(e.minutes, 0) AS expected, c.partial OR NOT c.closed AS partial, c.closed, false AS filled,
    market.source_names(c.sources) AS sources, c.price_eligible, NULL::integer AS revision, NULL::bigint AS version,
    NULL::text AS source, c.turnover, c.session_date
FROM page AS c
CROSS JOIN instrument AS n
CROSS JOIN LATERAL (
    -- Minutes that start inside: an opening in the middle of a minute expects the next one.
    SELECT sum(ceil(date_part('epoch', ends) / 60) - ceil(date_part('epoch', starts) / 60))::bigint AS minutes
    FROM (
        SELECT
            greatest(o.starts, c.time, n.since) AS starts, least(o.ends, c.time + :'width'::interval, n.delisted_at) AS ends
        FROM openings AS o
        -- Counted from an open, a bucket ends with its own stretch of hours.
        WHERE o.ends > c.time
            AND CASE WHEN :'from_open'::boolean THEN o.starts <= c.time ELSE o.starts < c.time + :'width'::interval END
    ) AS inside
    WHERE starts < ends
) AS e
ORDER BY c.time;
