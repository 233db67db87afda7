-- An instrument's daily, weekly or monthly candles (:unit is day, week or month) of the session dates [first, beyond), in
-- order. The same fold as that of market.candles_1d, candles_1w and candles_1mo, from those chunks alone that have the dates.
WITH first_stored AS (
    SELECT min(time) AS minute FROM market.candles WHERE instrument_id = :'instrument_id'::integer
), expected AS (
    SELECT
        date_trunc(:'unit', s.session_date::timestamp) AT TIME ZONE 'UTC' AS time,
        -- Minutes that start inside: an opening in the middle of a minute expects the next one.
        sum(
            ceil(date_part('epoch', stretch.ends) / 60) - ceil(date_part('epoch', stretch.starts) / 60)
        )::bigint AS minutes
    FROM market.instruments AS n
    JOIN market.sessions AS s USING (calendar)
    -- As gap monitors count, but for a first candle that none has counted yet: it is looked up, once.
    CROSS JOIN LATERAL (SELECT coalesce(n.listed_at, n.data_from, (SELECT minute FROM first_stored)) AS since) AS life
    CROSS JOIN LATERAL (SELECT lower(part), upper(part) FROM unnest(s.open_hours) AS part) AS open (starts, ends)
    CROSS JOIN LATERAL (
        SELECT
            greatest(open.starts, life.since) AS starts,
            least(open.ends, n.delisted_at) AS ends
    ) AS stretch
    WHERE n.instrument_id = :'instrument_id'::integer AND stretch.starts < stretch.ends
        AND s.session_date >= :'first'::date AND s.session_date < :'beyond'::date
    GROUP BY 1
), folded AS (
    SELECT
        date_trunc(:'unit', session_date::timestamp) AT TIME ZONE 'UTC' AS time,
        coalesce(first(open, p.time) FILTER (WHERE price_eligible), first(open, p.time)) AS open,
        coalesce(max(high) FILTER (WHERE price_eligible), max(high)) AS high,
        coalesce(min(low) FILTER (WHERE price_eligible), min(low)) AS low,
        coalesce(last(close, p.time) FILTER (WHERE price_eligible), last(close, p.time)) AS close,
        sum(volume) AS volume,
        CASE WHEN count(turnover) = count(*) THEN sum(turnover) END AS turnover,
        CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
        bool_or(price_eligible) AS price_eligible,
        sum(minutes)::bigint AS minutes,
        sum(partial_minutes)::bigint AS partial_minutes,
        bit_or(sources) AS sources
    FROM market.candles_1d_parts AS p
    WHERE instrument_id = :'instrument_id'::integer
        AND session_date >= :'first'::date AND session_date < :'beyond'::date
        -- Hours are never a week from their date.
        AND day >= (:'first'::date - 7)::timestamp AT TIME ZONE 'UTC' AND day < (:'beyond'::date + 7)::timestamp AT TIME ZONE 'UTC'
    GROUP BY date_trunc(:'unit', session_date::timestamp) AT TIME ZONE 'UTC'
)
SELECT
    c.time, c.open, c.high, c.low, c.close, c.volume,
    -- numeric / numeric alone keeps as few as 16 significant digits.
    market.average(c.turnover, c.volume) AS vwap,
    c.trades, c.minutes, coalesce(e.minutes, 0) AS expected, market.source_names(c.sources) AS sources, c.price_eligible,
    c.partial_minutes
FROM folded AS c
LEFT JOIN expected AS e USING (time)
ORDER BY c.time;
