-- Where rules of one timeframe speak in stretches of instruments, [first, last), given as arrays, and after them as far as what
-- changed there is seen; and, numbered 0, how far each stretch was judged. What is read, compared and said are fragments of the
-- rules: :columns of their own candles, which are :complete and :known from some moment on; :sources of what else they see, each
-- an array in the order in which it is known, :joins and :values that find the last one known; :lags; and :judged, a row a rule.
-- As in psql -v columns=', close::double precision AS v1' -v complete='NOT partial' -v known="c.time + INTERVAL '1 minute'"
-- -v sources='' -v values='' -v seen='' -v joins='' -v lags='' -v judged="(1, v1 > 100, NULL::float8, '', '[]'::jsonb)" ...
WITH stretches AS MATERIALIZED (
    SELECT s.place, s.instrument_id, s.first, s.last, n.calendar
    FROM unnest(:'instrument_ids'::integer[], :'firsts'::timestamptz[], :'lasts'::timestamptz[])
        WITH ORDINALITY AS s (instrument_id, first, last, place)
    JOIN market.instruments AS n USING (instrument_id)
), candles AS MATERIALIZED (
    SELECT s.place, s.instrument_id, s.calendar, s.first, s.last, c.*, :known AS known_at
    FROM stretches AS s
    CROSS JOIN LATERAL (
        (
            SELECT time, close AS price:columns FROM market.:"relation"
            WHERE instrument_id = s.instrument_id AND time < s.first AND time >= s.first - :'reach'::interval AND :complete
            ORDER BY time DESC LIMIT :'before'::bigint
        )
        UNION ALL
        (
            SELECT time, close AS price:columns FROM market.:"relation"
            WHERE instrument_id = s.instrument_id AND time >= s.first AND time < least(s.last, :'settled'::timestamptz) AND :complete
        )
        UNION ALL
        (
            SELECT time, close AS price:columns FROM market.:"relation"
            WHERE instrument_id = s.instrument_id AND time >= s.last AND time < :'settled'::timestamptz AND :complete
            ORDER BY time LIMIT :'beyond'::bigint
        )
    ) AS c
    -- Of a day of sessions the start says nothing of the end.
    WHERE :known <= :'settled'::timestamptz
), reach AS MATERIALIZED (
    SELECT c.*, coalesce(
        (
            SELECT max(session_date)::timestamp AT TIME ZONE 'UTC' FROM market.sessions
            WHERE calendar = c.calendar AND closes_at <= c.known AND opens_at > c.known - INTERVAL '30 days'
        ),
        c.known
    ) AS closed
    FROM (
        SELECT place, instrument_id, calendar, min(time) AS starts, max(time) AS ends, max(known_at) AS known
        FROM candles GROUP BY place, instrument_id, calendar
    ) AS c
), stored AS MATERIALIZED (
    SELECT r.place, i.number, v.*
    FROM reach AS r
    CROSS JOIN unnest(:'own_indicator_ids'::integer[]) WITH ORDINALITY AS i (indicator_id, number)
    CROSS JOIN LATERAL (
        SELECT time, value, value_2, value_3 FROM market.indicator_values
        WHERE instrument_id = r.instrument_id AND indicator_id = i.indicator_id AND time >= r.starts AND time <= r.ends
        OFFSET 0  -- each by a range of the index, however many rows the planner expects
    ) AS v
    WHERE i.indicator_id IS NOT NULL
:sources
), valued AS (
    SELECT c.*:values:seen
    FROM candles AS c:joins
), lagged AS MATERIALIZED (
    SELECT valued.*:lags FROM valued WINDOW so_far AS (PARTITION BY place ORDER BY time)
)
SELECT j.number, l.instrument_id, l.calendar, l.time, l.known_at, l.price, j.atr, j.rationale, j.used, l.first, l.last
FROM lagged AS l
CROSS JOIN LATERAL (VALUES
:judged
) AS j (number, speaks, atr, rationale, used)
WHERE l.time >= l.first AND j.speaks
UNION ALL
SELECT 0, s.instrument_id, s.calendar, max(l.time), max(l.known_at), NULL, NULL, NULL, NULL, s.first, s.last
FROM stretches AS s
LEFT JOIN lagged AS l ON l.place = s.place AND l.time >= s.first
GROUP BY s.place, s.instrument_id, s.calendar, s.first, s.last;
