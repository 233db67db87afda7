-- The candles of stretches of instruments, each named by its place, in [since, until): one row of arrays for all of them, in any
-- order. Times are in seconds since 1970.
SELECT
    array_agg(s.place) AS places,
    array_agg(extract(epoch FROM c.time)::bigint) AS times,
    array_agg(c.open::double precision) AS opens,
    array_agg(c.high::double precision) AS highs,
    array_agg(c.low::double precision) AS lows,
    array_agg(c.close::double precision) AS closes,
    array_agg(c.volume::double precision) AS volumes
FROM unnest(:'instrument_ids'::integer[], :'sinces'::timestamptz[], :'untils'::timestamptz[])
    WITH ORDINALITY AS s (instrument_id, since, until, place)
CROSS JOIN LATERAL (
    SELECT time, open, high, low, close, volume FROM market.:"relation"
    WHERE instrument_id = s.instrument_id AND time >= s.since AND time < s.until
        AND time >= :'earliest'::timestamptz AND time < :'latest'::timestamptz
    OFFSET 0  -- each by a range of the index, however many rows the planner expects
) AS c
HAVING count(*) > 0;
