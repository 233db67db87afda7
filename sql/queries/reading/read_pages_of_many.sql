-- The first :most candles of several instruments in order of time and key, or with :backward the newest, the last first. Each
-- instrument's come by the query that reads one's, the variable page, from its own stretch, which :starts and :ends hold all of.
-- Where each of them has its :share of the page, with :narrowed, the page lies: no further is read. As in
-- psql -v relation=candles -v page="$(sed '$ s/;//' sql/queries/reading/read_minute_page.sql)" -v instrument=one.instrument_id
-- -v between='time >= one.starts AND time < one.ends' -v sorted='c.time, one.instrument_key COLLATE "C"' ...
WITH wanted AS MATERIALIZED (
    SELECT *
    FROM unnest(
        :'instrument_ids'::integer[], :'keys'::text[], :'firsts'::timestamptz[], :'lasts'::timestamptz[],
        :'sinces'::timestamptz[], :'first_opens'::timestamptz[]
    ) AS w (instrument_id, instrument_key, starts, ends, since, first_open)
), shares AS (
    SELECT
        CASE WHEN :'backward'::boolean THEN min(edge.time) END AS starts,
        CASE WHEN NOT :'backward'::boolean THEN max(edge.time) + INTERVAL '1 microsecond' END AS ends
    FROM wanted AS one
    LEFT JOIN LATERAL (
        (
            SELECT time FROM market.:"relation"
            WHERE :'narrowed'::boolean AND NOT :'backward'::boolean AND instrument_id = one.instrument_id AND :between
            ORDER BY time LIMIT 1 OFFSET :'share'::bigint
        )
        UNION ALL
        (
            SELECT time FROM market.:"relation"
            WHERE :'narrowed'::boolean AND :'backward'::boolean AND instrument_id = one.instrument_id AND :between
            ORDER BY time DESC LIMIT 1 OFFSET :'share'::bigint
        )
    ) AS edge ON true
    HAVING count(edge.time) = count(*)
)
SELECT c.*, one.instrument_key
FROM (
    SELECT
        w.instrument_id, w.instrument_key, greatest(w.starts, s.starts) AS starts, least(w.ends, s.ends) AS ends, w.since,
        w.first_open
    FROM wanted AS w
    LEFT JOIN shares AS s ON true
) AS one
CROSS JOIN LATERAL (:page) AS c
ORDER BY :sorted
LIMIT :'most'::bigint;
