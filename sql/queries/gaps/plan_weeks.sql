-- The weeks of [:starts, :ends), from Monday to Monday, in which there is anything to judge: a time when candles are expected of an
-- instrument, or an open gap. The newest first, each with the places of the shares of instruments, from first to last, that it is
-- for. From :newest on, a Monday, all is one week.
WITH due AS (
    SELECT instrument_id, life AS stretches FROM market.lives WHERE dataset = :'dataset'
    UNION ALL
    SELECT instrument_id, range_agg(tstzrange(starts, ends)) FROM market.gaps
    WHERE dataset = :'dataset' AND healed_at IS NULL
    GROUP BY instrument_id
), together AS (
    SELECT
        share.place,
        range_agg(due.stretches) * tstzmultirange(tstzrange(:'starts'::timestamptz, :'ends'::timestamptz)) AS stretches
    FROM unnest(:'firsts'::integer[], :'lasts'::integer[]) WITH ORDINALITY AS share (first, last, place)
    JOIN due ON due.instrument_id BETWEEN share.first AND share.last
    GROUP BY share.place
), weeks AS (
    SELECT DISTINCT together.place, least(each.monday, :'newest'::timestamptz) AS monday
    FROM together
    CROSS JOIN LATERAL unnest(together.stretches) AS part
    CROSS JOIN LATERAL generate_series(
        date_bin('7 days', lower(part), '1970-01-05 00:00Z'), upper(part) - INTERVAL '1 microsecond', INTERVAL '168 hours'
    ) AS each (monday)
)
SELECT
    greatest(monday, :'starts'::timestamptz) AS starts,
    CASE
        WHEN monday = :'newest'::timestamptz THEN :'ends'::timestamptz
        ELSE least(monday + INTERVAL '168 hours', :'ends'::timestamptz)
    END AS ends,
    array_agg(place::integer ORDER BY place) AS places
FROM weeks
GROUP BY monday
ORDER BY monday DESC;
