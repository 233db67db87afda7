-- For stretches of instruments, each named by its place: the candles in [first, last), up to :before of them earlier but not
-- before "since", and up to :beyond of them later; all before "until". Null is all. As arrays in the order of time, which is
-- in seconds since 1970; candles_beyond is how many of them are later, begins whether there are none earlier than these.
SELECT
    s.place, c.times, c.opens, c.highs, c.lows, c.closes, c.volumes, c.candles_beyond,
    (c.candles_before < :'before'::integer) IS NOT FALSE AND NOT EXISTS (
        SELECT FROM market.:"relation" WHERE instrument_id = s.instrument_id AND time < s.since
    ) AS begins
FROM unnest(
    :'instrument_ids'::integer[], :'sinces'::timestamptz[], :'firsts'::timestamptz[], :'lasts'::timestamptz[],
    :'untils'::timestamptz[]
) WITH ORDINALITY AS s (instrument_id, since, first, last, until, place)
CROSS JOIN LATERAL (
    SELECT
        array_agg(extract(epoch FROM time)::bigint) AS times,
        array_agg(open::double precision) AS opens,
        array_agg(high::double precision) AS highs,
        array_agg(low::double precision) AS lows,
        array_agg(close::double precision) AS closes,
        array_agg(volume::double precision) AS volumes,
        count(*) FILTER (WHERE time < s.first) AS candles_before,
        count(*) FILTER (WHERE time >= s.last) AS candles_beyond
    FROM (
        SELECT * FROM (
            (
                SELECT time, open, high, low, close, volume FROM market.:"relation"
                WHERE instrument_id = s.instrument_id AND time < s.first AND time >= s.since
                    AND time >= :'earliest_since'::timestamptz
                ORDER BY time DESC LIMIT :'before'::integer
            )
            UNION ALL
            SELECT time, open, high, low, close, volume FROM market.:"relation"
            WHERE instrument_id = s.instrument_id AND time >= s.first AND time < least(s.last, s.until)
                AND time >= :'earliest_first'::timestamptz
            UNION ALL
            (
                SELECT time, open, high, low, close, volume FROM market.:"relation"
                WHERE instrument_id = s.instrument_id AND time >= s.last AND time < s.until
                    AND time >= :'earliest_first'::timestamptz
                ORDER BY time LIMIT :'beyond'::integer
            )
        ) AS parts
        ORDER BY time
    ) AS ordered
) AS c
WHERE c.times IS NOT NULL;
