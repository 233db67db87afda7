-- A look for gaps, in running order, in one transaction that holds the lock of `lock_gaps`. The first steps are of a whole
-- window, those from create_scanned_instruments on of one share of instruments: they run again for the next share, once
-- drop_scan_share has made room. A share with too much to do ends at count_scan_runs, and is split.

-- step: create_stretches
-- The open hours of every calendar inside a window, with the place of their first minute among all expected minutes:
-- minutes whose places follow each other are adjacent, however long the market was closed in between. Expected are the minutes of
-- an hour that are set in :cadence.
CREATE TEMPORARY TABLE stretches ON COMMIT DROP AS
SELECT
    calendar, hour, date_part('hour', hour)::integer AS hour_of_day, starts, ends, first_minute, beyond_minute, minutes,
    market.minute_mask(market.minute_of(hour, :'week_starts'::timestamptz), 60) AS in_week,
    market.minute_mask(market.minute_of(hour, :'day_starts'::timestamptz), 60) AS in_day,
    sum(bit_count(minutes)::integer) OVER (PARTITION BY calendar ORDER BY starts) - bit_count(minutes) AS place
FROM market.expected_stretches(:'dataset', :'starts', :'ends') AS open
CROSS JOIN LATERAL (
    SELECT market.minute_of(hour, starts) AS first_minute, market.minute_of(hour, ends) AS beyond_minute
) AS numbers
CROSS JOIN LATERAL (SELECT market.minute_mask(first_minute, beyond_minute) & :'cadence'::bit(60) AS minutes) AS expected
WHERE bit_count(minutes) > 0;

-- step: index_stretches
-- What is no longer missing looks up the hours it lies in.
CREATE INDEX ON stretches (calendar, hour);

-- step: create_waiting_hours
-- Minutes with ticks that wait to be aggregated, as the marks say.
CREATE TEMPORARY TABLE waiting_hours ON COMMIT DROP AS
SELECT
    marked.instrument_id,
    date_bin('1 hour', bucket, '2000-01-01 00:00Z') AS hour,
    bit_or(1::bigint << (59 - date_part('minute', bucket AT TIME ZONE 'UTC')::integer))::bit(60) AS minutes
FROM market.dirty
CROSS JOIN unnest(instrument_ids, ticks) AS marked (instrument_id, ticks)
WHERE dataset = :'dataset' AND bucket >= :'starts'::timestamptz AND bucket < :'ends'::timestamptz AND marked.ticks > 0
GROUP BY 1, 2;

-- step: create_lives
-- When rows are expected of each instrument, as of when the hours of the window were counted.
CREATE TEMPORARY TABLE lives ON COMMIT DROP AS
SELECT instrument_id, life FROM market.lives WHERE dataset = :'dataset';

-- step: create_feed_hours
-- The minutes in which a feed lived: any of its instruments has a candle, or ticks that wait to become one. Some 256 of its
-- instruments all but always show that; only hours that still look silent somewhere, in open hours, are read whole.
CREATE TEMPORARY TABLE feed_hours ON COMMIT DROP AS
WITH members AS MATERIALIZED (
    SELECT feed, calendar, instrument_id, place * 256 / size > (place - 1) * 256 / size AS is_heard
    FROM (
        SELECT
            feed, calendar, instrument_id, row_number() OVER (PARTITION BY feed ORDER BY instrument_id) AS place,
            count(*) OVER (PARTITION BY feed) AS size
        FROM market.instruments
    ) AS numbered
), heard AS MATERIALIZED (
    SELECT n.feed, known.hour, bit_or(known.alive)::bit(60) AS alive
    FROM (
        SELECT instrument_id, hour, (complete | partial)::bigint AS alive
        FROM market.candle_hours
        WHERE dataset = :'dataset' AND hour > :'starts'::timestamptz - INTERVAL '1 hour' AND hour < :'ends'::timestamptz
            AND instrument_id = ANY (ARRAY(SELECT instrument_id FROM members WHERE is_heard))
        UNION ALL
        SELECT instrument_id, hour, minutes::bigint FROM waiting_hours
    ) AS known
    JOIN members AS n USING (instrument_id)
    GROUP BY n.feed, known.hour
), unheard AS MATERIALIZED (
    SELECT DISTINCT f.feed, s.hour
    FROM (SELECT feed, calendar FROM members GROUP BY feed, calendar) AS f
    JOIN stretches AS s USING (calendar)
    LEFT JOIN heard ON heard.feed = f.feed AND heard.hour = s.hour
    WHERE bit_count(s.minutes & ~coalesce(heard.alive, 0::bit(60))) > 0
        AND f.feed IN (SELECT feed FROM members WHERE NOT is_heard)
), whole AS (
    SELECT n.feed, h.hour, bit_or((h.complete | h.partial)::bigint) AS alive
    FROM market.candle_hours AS h
    JOIN members AS n USING (instrument_id)
    JOIN unheard ON unheard.feed = n.feed AND unheard.hour = h.hour
    WHERE h.dataset = :'dataset' AND h.hour > :'starts'::timestamptz - INTERVAL '1 hour' AND h.hour < :'ends'::timestamptz
    GROUP BY n.feed, h.hour
)
SELECT feed, hour, (coalesce(heard.alive::bigint, 0) | coalesce(whole.alive, 0))::bit(60) AS alive
FROM heard FULL JOIN whole USING (feed, hour);

-- step: create_explained_hours
-- Minutes of which a vendor said that nothing was traded.
CREATE TEMPORARY TABLE explained_hours ON COMMIT DROP AS
SELECT
    g.instrument_id, s.hour,
    bit_or(market.minute_mask(market.minute_of(s.hour, g.starts), market.minute_of(s.hour, g.ends))) AS minutes
FROM market.gaps AS g
JOIN market.instruments AS n USING (instrument_id)
JOIN stretches AS s ON s.calendar = n.calendar AND s.starts < g.ends AND s.ends > g.starts
WHERE g.dataset = :'dataset' AND g.reason = 'no_trades' AND g.starts < :'ends'::timestamptz AND g.ends > :'starts'::timestamptz
GROUP BY g.instrument_id, s.hour;

-- or step: create_open_beats
-- Where an operator sets the cadence: the minutes of the beat under way at :due, in which a row may still come.
CREATE TEMPORARY TABLE explained_hours ON COMMIT DROP AS
SELECT k.instrument_id, open.hour, market.minute_mask(market.minute_of(open.hour, beat.starts), 60) AS minutes
FROM market.cadences AS k
CROSS JOIN LATERAL (SELECT date_bin(k.every, :'due'::timestamptz, '2000-01-01 00:00Z') AS starts) AS beat
CROSS JOIN LATERAL generate_series(
    date_bin('1 hour', beat.starts, '2000-01-01 00:00Z'), :'due'::timestamptz, INTERVAL '1 hour'
) AS open (hour)
WHERE k.dataset = :'dataset';

-- step: analyze_scan
-- Shows the planner how small these are.
ANALYZE stretches, lives (instrument_id), feed_hours, waiting_hours, explained_hours;

-- step: create_scanned_instruments
-- The instruments of one share of a scan, :first to :last, and when in the window rows are expected of them.
CREATE TEMPORARY TABLE scanned_instruments ON COMMIT DROP AS
SELECT
    n.instrument_id, n.feed, n.calendar, inside.life,
    NOT inside.life @> tstzrange(:'starts'::timestamptz, :'ends'::timestamptz) AS is_cut
FROM market.instruments AS n
JOIN lives AS whole USING (instrument_id)
CROSS JOIN LATERAL (
    SELECT whole.life * tstzmultirange(tstzrange(:'starts'::timestamptz, :'ends'::timestamptz)) AS life
) AS inside
WHERE n.instrument_id BETWEEN :'first'::integer AND :'last'::integer AND NOT isempty(inside.life);

-- step: create_known_gaps
-- What the ledger knows of the instruments of a share: their open gaps that lie in the window, or touch it: nothing is expected
-- between them and the window.
CREATE TEMPORARY TABLE known_gaps ON COMMIT DROP AS
WITH edges AS MATERIALIZED (
    SELECT
        calendar,
        coalesce(
            (
                SELECT upper(s.open_hours * tstzmultirange(tstzrange(NULL, :'starts'::timestamptz)))
                FROM market.sessions AS s
                WHERE s.calendar = each.calendar AND s.opens_at < :'starts'::timestamptz
                ORDER BY s.opens_at DESC LIMIT 1
            ),
            :'starts'::timestamptz
        ) AS closes_before,
        coalesce(
            (
                SELECT lower(s.open_hours * tstzmultirange(tstzrange(:'ends'::timestamptz, NULL)))
                FROM market.sessions AS s
                -- No session is as long as that; so the index is not read from its beginning.
                WHERE s.calendar = each.calendar AND s.closes_at > :'ends'::timestamptz
                    AND s.opens_at > :'ends'::timestamptz - INTERVAL '7 days'
                ORDER BY s.opens_at LIMIT 1
            ),
            :'ends'::timestamptz
        ) AS opens_beyond
    FROM (
        SELECT DISTINCT calendar FROM market.instruments
        WHERE instrument_id BETWEEN :'first'::integer AND :'last'::integer
    ) AS each
)
SELECT g.*, n.calendar
FROM market.gaps AS g
JOIN market.instruments AS n USING (instrument_id)
JOIN edges USING (calendar)
WHERE g.dataset = :'dataset' AND g.healed_at IS NULL AND g.instrument_id BETWEEN :'first'::integer AND :'last'::integer
    -- Hours may open within a minute, which is expected from the next one on.
    AND g.starts < edges.opens_beyond + INTERVAL '1 minute' AND g.ends >= edges.closes_before;


-- step: index_known_gaps
-- Each gap that is found looks up the open ones it overlaps.
CREATE INDEX ON known_gaps (instrument_id, starts);

-- step: analyze_scan_share
-- Shows the planner how many instruments and open gaps this share of the scan has; the ledger itself may just have been filled.
ANALYZE scanned_instruments, known_gaps (instrument_id, starts);

-- step: create_expected_hours
-- Expected minutes by instrument and hour of the day: those of the week, of its last day, and those in which the feed lived.
-- Instruments of one feed and calendar share them, but for those of which candles are expected in a part of the window only.
CREATE TEMPORARY TABLE expected_hours ON COMMIT DROP AS
WITH whole AS MATERIALIZED (
    SELECT
        f.feed, s.calendar, s.hour_of_day,
        sum(bit_count(s.minutes & s.in_week))::bigint AS in_week,
        sum(bit_count(s.minutes & s.in_day))::bigint AS in_day,
        sum(bit_count(s.minutes & coalesce(lived.alive, 0::bit(60))))::bigint AS alive
    FROM (SELECT DISTINCT feed, calendar FROM scanned_instruments) AS f
    JOIN stretches AS s USING (calendar)
    LEFT JOIN feed_hours AS lived ON lived.feed = f.feed AND lived.hour = s.hour
    GROUP BY 1, 2, 3
)
SELECT n.instrument_id, n.feed, w.hour_of_day, w.in_week, w.in_day, w.alive
FROM scanned_instruments AS n
JOIN whole AS w USING (feed, calendar)
WHERE NOT n.is_cut
UNION ALL
SELECT
    n.instrument_id, n.feed, s.hour_of_day,
    sum(bit_count(e.minutes & s.in_week))::bigint,
    sum(bit_count(e.minutes & s.in_day))::bigint,
    sum(bit_count(e.minutes & coalesce(lived.alive, 0::bit(60))))::bigint
FROM scanned_instruments AS n
JOIN stretches AS s ON s.calendar = n.calendar AND n.life && tstzrange(s.starts, s.ends)
CROSS JOIN LATERAL (SELECT s.minutes & market.minutes_within(s.hour, n.life) AS minutes) AS e
LEFT JOIN feed_hours AS lived ON lived.feed = n.feed AND lived.hour = s.hour
WHERE n.is_cut
GROUP BY 1, 2, 3;

-- step: create_trade_floors
-- In how many hours each instrument was counted, and the fewest trades of any; null where a candle does not count its trades.
CREATE TEMPORARY TABLE trade_floors ON COMMIT DROP AS
SELECT instrument_id, count(*) AS hours, CASE WHEN count(*) = count(trades) THEN min(trades) END AS trades
FROM market.candle_hours
WHERE dataset = :'dataset' AND hour > :'starts'::timestamptz - INTERVAL '1 hour' AND hour < :'ends'::timestamptz
    AND instrument_id BETWEEN :'first'::integer AND :'last'::integer
GROUP BY instrument_id;

-- step: create_missing_hours
-- Where candles are missing: each row is a stretch of an hour, its minutes as bits.
--   waiting: ticks are there; down: the feed was silent, or fell silent (a partial candle); quiet: the feed lived;
--   explained, which is not missing: the feed lived, but a vendor has said that nothing was traded.
-- Hours with all sixty candles, which most are, leave at the first glance.
CREATE TEMPORARY TABLE missing_hours ON COMMIT DROP AS
WITH blank AS MATERIALIZED (
    -- Those that were counted in every hour of the window have none to be missed whole.
    SELECT n.instrument_id, n.calendar
    FROM scanned_instruments AS n
    LEFT JOIN trade_floors AS counted USING (instrument_id)
    WHERE counted.hours IS DISTINCT FROM (
        SELECT count(*) FROM generate_series(
            date_bin('1 hour', :'starts', '2000-01-01 00:00Z'), :'ends'::timestamptz - INTERVAL '1 microsecond', INTERVAL '1 hour'
        )
    )
)
SELECT
    instrument_id, feed, hour, hour_of_day, place, first_minute, beyond_minute, in_week, in_day, is_blank,
    absent & ~told AS missing,
    absent & ~told & waits AS waiting,
    absent & ~told & ~waits & (~alive | partial) AS down,
    absent & ~told & ~waits & alive & ~partial AS quiet,
    absent & told & ~waits & alive & ~partial AS explained
FROM (
    SELECT
        n.instrument_id, n.feed, s.hour, s.hour_of_day, s.place, s.first_minute, s.beyond_minute, s.in_week, s.in_day, h.partial, h.is_blank,
        CASE WHEN n.is_cut THEN s.minutes & market.minutes_within(s.hour, n.life) ELSE s.minutes END & ~h.complete AS absent,
        coalesce(x.minutes, 0::bit(60)) AS told,
        coalesce(f.alive, 0::bit(60)) AS alive,
        coalesce(w.minutes, 0::bit(60)) AS waits
    FROM (
        SELECT instrument_id, hour, complete, partial, false AS is_blank
        FROM market.candle_hours
        WHERE dataset = :'dataset' AND hour > :'starts'::timestamptz - INTERVAL '1 hour' AND hour < :'ends'::timestamptz
            AND instrument_id BETWEEN :'first'::integer AND :'last'::integer
            AND complete <> (-1)::bigint::bit(60)
        UNION ALL
        SELECT blank.instrument_id, open.hour, 0::bit(60), 0::bit(60), true
        FROM blank
        JOIN (SELECT DISTINCT calendar, hour FROM stretches) AS open USING (calendar)
        WHERE NOT EXISTS (
            SELECT FROM market.candle_hours AS known
            WHERE known.dataset = :'dataset' AND known.instrument_id = blank.instrument_id AND known.hour = open.hour
                AND known.hour > :'starts'::timestamptz - INTERVAL '1 hour' AND known.hour < :'ends'::timestamptz
                AND known.instrument_id = ANY (ARRAY(SELECT instrument_id FROM blank))
        )
    ) AS h
    JOIN scanned_instruments AS n USING (instrument_id)
    JOIN stretches AS s
        ON s.calendar = n.calendar AND s.hour = h.hour AND (NOT n.is_cut OR n.life && tstzrange(s.starts, s.ends))
    LEFT JOIN feed_hours AS f ON f.feed = n.feed AND f.hour = s.hour
    LEFT JOIN waiting_hours AS w ON w.instrument_id = n.instrument_id AND w.hour = s.hour
    LEFT JOIN explained_hours AS x ON x.instrument_id = n.instrument_id AND x.hour = s.hour
) AS compared
WHERE bit_count(absent) > 0;

-- step: count_scan_runs
-- How much there is to do for a share of a scan: its runs of missing minutes, cut at each hour, and its open gaps; and which
-- instruments it really has.
SELECT
    (SELECT coalesce(sum(bit_count(missing & ~(missing >> 1))), 0)::bigint FROM missing_hours)
        + (SELECT count(*) FROM known_gaps) AS runs,
    min(instrument_id) AS first, max(instrument_id) AS last
FROM (SELECT instrument_id FROM scanned_instruments UNION ALL SELECT instrument_id FROM known_gaps) AS of_share;

-- step: create_steady_instruments
-- The instruments of which the ledger holds just what is missing, and that trade so much that no silence of theirs is plausible:
-- at 60 times -ln(0.001) trades in each of their hours a minute is enough. Nothing of theirs needs weighing, or changing in the
-- ledger. Where their open gaps alone, each inside one hour, do not show this, the steps that follow do.
CREATE TEMPORARY TABLE steady_instruments ON COMMIT DROP AS
WITH missed AS (
    SELECT
        instrument_id, feed, sum(bit_count(quiet)) AS minutes,
        sum(bit_count(quiet & in_week)) AS minutes_in_week, sum(bit_count(quiet & in_day)) AS minutes_in_day
    FROM missing_hours
    GROUP BY instrument_id, feed
    HAVING bool_and(missing = quiet AND NOT is_blank)
), placed AS (
    SELECT
        k.instrument_id, k.minutes, k.reason, m.quiet, m.first_minute, m.beyond_minute, own.first, own.beyond,
        -- Whether the gap before it ends with an hour, or with its open part.
        lag(own.beyond = m.beyond_minute) OVER (PARTITION BY k.instrument_id ORDER BY k.starts) AS follows_an_end
    FROM known_gaps AS k
    CROSS JOIN LATERAL (SELECT date_bin('1 hour', k.starts, '2000-01-01 00:00Z') AS hour) AS its
    CROSS JOIN LATERAL (
        SELECT market.minute_of(its.hour, k.starts) AS first, market.minute_of(its.hour, k.ends) AS beyond
    ) AS own
    LEFT JOIN missing_hours AS m
        ON m.instrument_id = k.instrument_id AND m.hour = its.hour AND k.ends <= its.hour + INTERVAL '1 hour'
        AND m.first_minute <= own.first AND m.beyond_minute >= own.beyond
), known AS (
    SELECT p.instrument_id, sum(p.minutes) AS minutes
    FROM placed AS p
    CROSS JOIN LATERAL (SELECT market.minute_mask(p.first, p.beyond) AS bits) AS own
    GROUP BY p.instrument_id
    HAVING bool_and((
        p.reason = 'instrument_silent' AND bit_count(own.bits) = p.minutes AND own.bits & p.quiet = own.bits
        -- It is the whole run: not even the next hour begins with another one.
        AND bit_count((own.bits << 1 | own.bits >> 1) & ~own.bits & p.quiet) = 0
        AND (p.follows_an_end AND p.first = p.first_minute) IS NOT TRUE
    ) IS TRUE)
)
SELECT instrument_id, missed.feed, missed.minutes_in_week, missed.minutes_in_day
FROM missed
JOIN known USING (instrument_id, minutes)
JOIN trade_floors AS floor USING (instrument_id)
WHERE :'cadence'::bit(60) = (-1)::bigint::bit(60)
    AND (NOT :'is_silence_plausible'::boolean OR floor.trades > 60 * -ln(0.001));

-- step: leave_steady_instruments
-- The steps that follow weigh the others alone.
WITH settled AS (
    DELETE FROM known_gaps USING steady_instruments AS steady WHERE known_gaps.instrument_id = steady.instrument_id
)
DELETE FROM missing_hours USING steady_instruments AS steady WHERE missing_hours.instrument_id = steady.instrument_id;

-- step: create_hour_trades
-- What each instrument that misses anything traded at each hour of the day.
CREATE TEMPORARY TABLE hour_trades ON COMMIT DROP AS
SELECT
    instrument_id, hours.hour_of_day, sum(h.trades) AS trades, count(*) - count(h.trades) AS untold
FROM market.candle_hours AS h
JOIN (
    SELECT hour, date_part('hour', hour)::integer AS hour_of_day
    FROM generate_series(
        date_bin('1 hour', :'starts', '2000-01-01 00:00Z'), :'ends'::timestamptz - INTERVAL '1 microsecond', INTERVAL '1 hour'
    ) AS hour
) AS hours USING (hour)
WHERE h.dataset = :'dataset' AND h.hour > :'starts'::timestamptz - INTERVAL '1 hour' AND h.hour < :'ends'::timestamptz
    AND h.instrument_id = ANY (ARRAY(SELECT DISTINCT instrument_id FROM missing_hours WHERE bit_count(quiet) > 0))
GROUP BY instrument_id, hours.hour_of_day;

-- step: create_trade_rates
-- What each instrument that was quiet at all trades: at each hour of the day that it was quiet in, and over all. Of the expected
-- minutes in which the feed lived, all are present but those it was quiet in, or that a vendor explained. Silent minutes that are
-- assumed count among the minutes, and not among those present.
CREATE TEMPORARY TABLE trade_rates ON COMMIT DROP AS
WITH silent AS MATERIALIZED (
    SELECT instrument_id, hour_of_day, sum(bit_count(quiet | explained))::bigint AS minutes, bool_or(bit_count(quiet) > 0) AS was_quiet
    FROM missing_hours
    GROUP BY 1, 2
), at_hour AS MATERIALIZED (
    SELECT
        e.instrument_id, e.hour_of_day, s.was_quiet,
        -- Null where a candle does not count its trades.
        CASE WHEN coalesce(t.untold, 0) = 0 THEN coalesce(t.trades, 0) END AS trades,
        e.alive - coalesce(s.minutes, 0) AS present,
        e.alive + :'assumed_silent'::integer AS minutes
    FROM expected_hours AS e
    LEFT JOIN hour_trades AS t USING (instrument_id, hour_of_day)
    LEFT JOIN silent AS s USING (instrument_id, hour_of_day)
    WHERE e.instrument_id IN (SELECT instrument_id FROM silent WHERE was_quiet)
), overall AS (
    SELECT
        instrument_id, CASE WHEN count(*) = count(trades) THEN sum(trades) END AS trades, sum(present)::bigint AS present,
        sum(minutes - :'assumed_silent'::integer)::bigint + :'assumed_silent'::integer AS minutes
    FROM at_hour
    GROUP BY instrument_id
)
SELECT
    instrument_id, a.hour_of_day, a.trades, a.present, a.minutes,
    o.trades AS all_trades, o.present AS all_present, o.minutes AS all_minutes
FROM at_hour AS a
JOIN overall AS o USING (instrument_id)
WHERE a.was_quiet;

-- step: create_unmeasured_instruments
-- Instruments that were quiet while their feed lived, and did not trade at all in the window: nothing shows how often they
-- should, so their silence is neither explained nor a gap, where :is_silence_plausible says that it can be explained.
CREATE TEMPORARY TABLE unmeasured_instruments ON COMMIT DROP AS
SELECT DISTINCT instrument_id
FROM trade_rates
WHERE :'is_silence_plausible'::boolean AND market.trade_rate(all_trades, all_present, all_minutes) = 0;

-- step: create_gap_runs
-- The runs of adjacent missing minutes that are gaps: those with ticks (unaggregated), those in which the feed was silent
-- (feed_down), and silences of a living feed that are not plausible (instrument_silent): e^(-trades expected) < 0.001, at
-- the instrument's own rate at that time of day, the silence itself left out. Silence that is plausible is not a gap,
-- where :is_silence_plausible says that it can be.
-- Work grows with the missing minutes only; hours that are missing whole count as one piece each, and so do others in which
-- all that is missing is adjacent.
CREATE TEMPORARY TABLE gap_runs ON COMMIT DROP AS
WITH kinds AS (
    SELECT
        m.instrument_id, m.feed, m.hour, m.hour_of_day, m.place, m.first_minute, m.beyond_minute, m.in_week, m.in_day,
        kind.reason, kind.minutes, NULL::numeric AS trades, NULL::bigint AS present, NULL::bigint AS watched,
        NULL::numeric AS all_trades, NULL::bigint AS all_present, NULL::bigint AS all_watched,
        'Infinity'::double precision AS busiest
    FROM missing_hours AS m
    CROSS JOIN LATERAL (
        VALUES ('unaggregated'::market.gap_reason, m.waiting), ('feed_down', m.down)
    ) AS kind (reason, minutes)
    WHERE bit_count(m.waiting | m.down) > 0 AND bit_count(kind.minutes) > 0
    UNION ALL
    SELECT
        m.instrument_id, m.feed, m.hour, m.hour_of_day, m.place, m.first_minute, m.beyond_minute, m.in_week, m.in_day,
        'instrument_silent', m.quiet, rate.trades, rate.present, rate.minutes,
        rate.all_trades, rate.all_present, rate.all_minutes,
        -- No silence of this hour can be judged by a higher rate than with all of its quiet minutes left out.
        greatest(
            market.trade_rate(rate.trades, rate.present, rate.minutes - bit_count(m.quiet)),
            market.trade_rate(rate.all_trades, rate.all_present, rate.all_minutes - bit_count(m.quiet))
        )
    FROM missing_hours AS m
    JOIN trade_rates AS rate USING (instrument_id, hour_of_day)
    WHERE bit_count(m.quiet) > 0
), bounded AS (
    SELECT
        kinds.*, bit_count(minutes & ~(minutes >> 1)) = 1 AS is_one,
        -- Whatever is alone inside such an hour is plausible: only what reaches into its neighbours may matter.
        :'is_silence_plausible'::boolean AND :'cadence'::bit(60) = (-1)::bigint::bit(60)
            AND busiest <> 0 AND busiest * longest.bound <= -ln(0.001)
            AND bit_count(minutes) < beyond_minute - first_minute AS is_plausible_inside
    FROM kinds
    -- An upper bound of the longest run inside the hour, by doubling.
    CROSS JOIN LATERAL (SELECT minutes & (minutes << 1) AS bits) AS of_2
    CROSS JOIN LATERAL (SELECT of_2.bits & (of_2.bits << 2) AS bits) AS of_4
    CROSS JOIN LATERAL (SELECT of_4.bits & (of_4.bits << 4) AS bits) AS of_8
    CROSS JOIN LATERAL (SELECT of_8.bits & (of_8.bits << 8) AS bits) AS of_16
    CROSS JOIN LATERAL (
        SELECT CASE 0
            WHEN bit_count(of_2.bits) THEN 1
            WHEN bit_count(of_4.bits) THEN 3
            WHEN bit_count(of_8.bits) THEN 7
            WHEN bit_count(of_16.bits) THEN 15
            ELSE 60
        END AS bound
    ) AS longest
), pieces AS (
    SELECT
        b.instrument_id, b.feed, b.reason, b.hour, b.hour_of_day, b.in_week, b.in_day, b.trades, b.present, b.watched,
        b.all_trades, b.all_present, b.all_watched, part.first_minute, part.length,
        b.place + bit_count(market.minute_mask(b.first_minute, part.first_minute) & :'cadence'::bit(60)) AS place
    FROM bounded AS b
    CROSS JOIN LATERAL (
        SELECT position(B'1' IN b.minutes) - 1 AS first_minute, bit_count(b.minutes)::integer AS length
        WHERE b.is_one
        UNION ALL
        SELECT
            (sum(length(part[1]) + length(part[2])) OVER (ORDER BY number) - length(part[2]))::integer,
            length(part[2])
        FROM regexp_matches(b.minutes::text, '(0*)(1+)', 'g') WITH ORDINALITY AS found (part, number)
        WHERE NOT b.is_one
    ) AS part
    WHERE NOT b.is_plausible_inside
        OR part.first_minute = b.first_minute OR part.first_minute + part.length = b.beyond_minute
), placed AS (
    SELECT
        p.*,
        p.place - sum(p.length) OVER (PARTITION BY p.instrument_id, p.reason ORDER BY p.place) + p.length AS run
    FROM pieces AS p
), weighed AS (
    -- The whole silence is left out of the minutes it is judged by, not only its part in this hour.
    SELECT
        p.*,
        CASE WHEN p.reason = 'instrument_silent' THEN p.length * CASE
            WHEN p.watched - p.own_at_hour >= 180 THEN market.trade_rate(p.trades, p.present, p.watched - p.own_at_hour)
            ELSE market.trade_rate(p.all_trades, p.all_present, p.all_watched - p.own)
        END END AS trades_expected
    FROM (
        SELECT
            placed.*,
            sum(length) OVER (PARTITION BY instrument_id, reason, run, hour_of_day)::bigint AS own_at_hour,
            sum(length) OVER (PARTITION BY instrument_id, reason, run)::bigint AS own
        FROM placed
    ) AS p
), runs AS (
    SELECT
        instrument_id, feed, reason,
        min(hour + first_minute * INTERVAL '1 minute') AS starts,
        max(hour + (first_minute + length) * INTERVAL '1 minute') AS ends,
        sum(length)::integer AS minutes,
        sum(bit_count(market.minute_mask(first_minute, first_minute + length) & in_week)) AS minutes_in_week,
        sum(bit_count(market.minute_mask(first_minute, first_minute + length) & in_day)) AS minutes_in_day,
        sum(trades_expected) AS trades_expected,
        min(place) AS place, max(place + length) AS beyond_place
    FROM weighed
    GROUP BY instrument_id, feed, reason, run
), judged AS (
    SELECT
        r.*,
        -- Where the window has no trade at all, what was known when the silence began still holds.
        CASE WHEN r.trades_expected = 0 THEN coalesce(k.rate, 0) ELSE r.trades_expected / r.minutes END AS rate,
        -- Half a silence looks more plausible than the whole.
        r.minutes
            + CASE WHEN r.place = 0 THEN coalesce(k.minutes_before, 0) ELSE 0 END
            + CASE WHEN r.beyond_place = edge.beyond_place THEN coalesce(k.minutes_beyond, 0) ELSE 0 END AS minutes_in_all
    FROM runs AS r
    JOIN scanned_instruments AS n USING (instrument_id)
    JOIN (
        SELECT calendar, max(place + bit_count(minutes)) AS beyond_place FROM stretches GROUP BY calendar
    ) AS edge USING (calendar)
    LEFT JOIN LATERAL (
        -- What the ledger knows about silences that continue: their rate, and how many of their minutes lie beyond the window's edges.
        SELECT
            max((g.evidence ->> 'trades_a_minute')::double precision) AS rate,
            sum(
                CASE WHEN g.starts < :'starts'::timestamptz THEN (
                    SELECT sum(bit_count(
                        market.minute_mask(market.minute_of(s.hour, s.starts), market.minute_of(s.hour, s.ends)) & :'cadence'::bit(60)
                    ))
                    FROM market.expected_stretches(:'dataset', g.starts, :'starts') AS s WHERE s.calendar = n.calendar
                ) END
            ) AS minutes_before,
            sum(
                CASE WHEN g.ends > :'ends'::timestamptz THEN (
                    SELECT sum(bit_count(
                        market.minute_mask(market.minute_of(s.hour, s.starts), market.minute_of(s.hour, s.ends)) & :'cadence'::bit(60)
                    ))
                    FROM market.expected_stretches(:'dataset', :'ends', g.ends) AS s WHERE s.calendar = n.calendar
                ) END
            ) AS minutes_beyond
        FROM known_gaps AS g
        WHERE g.instrument_id = r.instrument_id AND g.reason IN ('instrument_silent', 'unhealable')
            -- Where it can matter: most silences do neither reach an edge, nor lack a rate of their own.
            AND r.reason = 'instrument_silent'
            AND (r.trades_expected = 0 OR r.place = 0 OR r.beyond_place = edge.beyond_place)
            AND g.starts <= r.ends AND g.ends >= r.starts
            -- Open gaps never overlap: of those that begin before the run only the last can reach it.
            AND g.starts >= coalesce((
                SELECT max(b.starts) FROM known_gaps AS b WHERE b.instrument_id = r.instrument_id AND b.starts < r.starts
            ), r.starts)
    ) AS k ON true
)
SELECT
    instrument_id, feed, reason, starts, ends, minutes, place, beyond_place, minutes_in_week, minutes_in_day, rate, minutes_in_all
FROM judged
WHERE reason <> 'instrument_silent' OR NOT :'is_silence_plausible'::boolean OR rate * minutes_in_all > -ln(0.001);

-- step: sum_coverage
-- Per feed: minutes expected, open and not judged over the week and over its last day.
SELECT
    feed,
    sum(expected_week)::bigint AS expected_week, sum(open_week)::bigint AS open_week,
    sum(not_judged_week)::bigint AS not_judged_week,
    sum(expected_day)::bigint AS expected_day, sum(open_day)::bigint AS open_day, sum(not_judged_day)::bigint AS not_judged_day
FROM (
    SELECT
        feed, in_week AS expected_week, 0 AS open_week, 0 AS not_judged_week, in_day AS expected_day, 0 AS open_day,
        0 AS not_judged_day
    FROM expected_hours
    UNION ALL
    SELECT
        feed, 0, minutes_in_week, CASE WHEN is_unmeasured THEN -minutes_in_week ELSE 0 END,
        0, minutes_in_day, CASE WHEN is_unmeasured THEN -minutes_in_day ELSE 0 END
    FROM gap_runs
    CROSS JOIN LATERAL (
        -- Its quiet minutes that are not gaps are not judged.
        SELECT reason = 'instrument_silent' AND instrument_id IN (SELECT instrument_id FROM unmeasured_instruments)
    ) AS kind (is_unmeasured)
    UNION ALL
    SELECT feed, 0, minutes_in_week, 0, 0, minutes_in_day, 0 FROM steady_instruments
    UNION ALL
    SELECT feed, 0, 0, bit_count(quiet & in_week), 0, 0, bit_count(quiet & in_day)
    FROM missing_hours
    JOIN unmeasured_instruments USING (instrument_id)
) AS parts
GROUP BY feed
ORDER BY feed;

-- step: create_restless_instruments
-- The instruments whose open gaps in the ledger are not just the runs found: of the others nothing must be changed there.
CREATE TEMPORARY TABLE restless_instruments ON COMMIT DROP AS
SELECT DISTINCT instrument_id
FROM gap_runs AS r
FULL JOIN known_gaps AS known USING (instrument_id, starts, ends, reason)
WHERE r.minutes IS DISTINCT FROM known.minutes;

-- step: create_found_gaps
-- The gaps as the ledger shall hold them: the runs found, and what open rows hold outside the window that was scanned, which
-- this scan does not judge. Runs of one reason with no expected minute in between become one. A run inside an open row that
-- a vendor knew nothing about stays unhealable.
CREATE TEMPORARY TABLE found_gaps ON COMMIT DROP AS
WITH kept AS (
    SELECT
        known.instrument_id, inside.starts, inside.ends, inside.minutes, known.reason, known.evidence,
        -- All that is expected between such a row and the window belongs to it: it ends where the window's places begin.
        CASE WHEN outside.is_before THEN 0 ELSE coalesce(edge.beyond_place, 0) END AS edge
    FROM known_gaps AS known
    JOIN restless_instruments USING (instrument_id)
    CROSS JOIN LATERAL (
        VALUES
            (true, known.starts, least(known.ends, :'starts'::timestamptz)),
            (false, greatest(known.starts, :'ends'::timestamptz), known.ends)
    ) AS outside (is_before, starts, ends)
    CROSS JOIN LATERAL (
        -- From the first expected minute to the last.
        SELECT
            min(s.hour + (position(B'1' IN expected.minutes) - 1) * INTERVAL '1 minute') AS starts,
            max(s.hour + length(rtrim(expected.minutes::text, '0')) * INTERVAL '1 minute') AS ends,
            sum(bit_count(expected.minutes))::integer AS minutes
        FROM market.expected_stretches(:'dataset', outside.starts, outside.ends) AS s
        CROSS JOIN LATERAL (
            SELECT
                market.minute_mask(market.minute_of(s.hour, s.starts), market.minute_of(s.hour, s.ends)) & :'cadence'::bit(60) AS minutes
        ) AS expected
        WHERE s.calendar = known.calendar AND bit_count(expected.minutes) > 0
    ) AS inside
    LEFT JOIN (
        SELECT calendar, max(place + bit_count(minutes)) AS beyond_place FROM stretches GROUP BY calendar
    ) AS edge USING (calendar)
    WHERE outside.starts < outside.ends AND inside.minutes > 0
), runs AS (
    SELECT
        *,
        (lag(reason) OVER follows = reason AND lag(beyond_place) OVER follows = place) IS NOT TRUE AS begins
    FROM (
        SELECT
            r.instrument_id, r.starts, r.ends, r.minutes, r.place, r.beyond_place,
            CASE WHEN known.untold THEN known.reason ELSE r.reason END AS reason,
            CASE
                WHEN known.untold THEN known.evidence
                WHEN r.reason = 'unaggregated' THEN jsonb_build_object('ticks', 'waiting')
                WHEN r.reason = 'feed_down' THEN jsonb_build_object('feed', r.feed)
                -- JSON knows no infinity: null says that every other minute had a trade.
                ELSE jsonb_build_object(
                    'feed', r.feed,
                    'trades_expected', CASE WHEN r.rate < 'Infinity' THEN round((r.rate * r.minutes_in_all)::numeric, 1) END,
                    'trades_a_minute', CASE WHEN r.rate < 'Infinity' THEN round(r.rate::numeric, 6) END
                )
            END AS evidence
        FROM gap_runs AS r
        JOIN restless_instruments USING (instrument_id)
        LEFT JOIN LATERAL (
            -- Open gaps never overlap: only the last that begins by then can hold the run.
            SELECT g.reason, g.evidence, g.reason = 'unhealable' AND g.ends >= r.ends AS untold
            FROM known_gaps AS g
            WHERE g.instrument_id = r.instrument_id AND g.starts <= r.starts
            ORDER BY g.starts DESC
            LIMIT 1
        ) AS known ON true
        UNION ALL
        SELECT instrument_id, starts, ends, minutes, edge, edge, reason, evidence FROM kept
    ) AS both_kinds
    WINDOW follows AS (PARTITION BY instrument_id ORDER BY starts)
), grouped AS (
    SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY instrument_id ORDER BY starts) AS run FROM runs
)
SELECT
    instrument_id, min(starts) AS starts, max(ends) AS ends, sum(minutes)::integer AS minutes, min(reason) AS reason,
    (array_agg(evidence ORDER BY starts DESC))[1] AS evidence
FROM grouped
GROUP BY instrument_id, run;

-- step: index_found_gaps
-- Each open gap looks up the found ones that it overlaps.
CREATE INDEX ON found_gaps (instrument_id, starts);

-- step: create_claimed_gaps
-- Which open row each found gap continues: the oldest it overlaps. Where a row has split, its first part keeps the row, and
-- the others inherit when it was found and how often it was tried.
CREATE TEMPORARY TABLE claimed_gaps ON COMMIT DROP AS
SELECT
    f.instrument_id, f.starts, f.ends, f.minutes, known.gap_id, known.found_at, known.attempts, known.next_attempt_at,
    known.gap_id IS NOT NULL AND row_number() OVER (PARTITION BY known.gap_id ORDER BY f.starts) = 1 AS keeps,
    -- Only more of the same could change what a vendor has said.
    CASE WHEN known.unhealable THEN 'unhealable' ELSE f.reason END AS reason,
    CASE WHEN known.unhealable OR known.reason = f.reason THEN known.evidence ELSE f.evidence END AS evidence
FROM found_gaps AS f
LEFT JOIN LATERAL (
    SELECT g.*, g.reason = 'unhealable' AND g.starts <= f.starts AND g.ends >= f.ends AS unhealable
    FROM known_gaps AS g
    WHERE g.instrument_id = f.instrument_id AND g.starts < f.ends AND g.ends > f.starts
        -- Open gaps never overlap: of those that begin before it only the last can reach it.
        AND g.starts >= coalesce((
            SELECT max(b.starts) FROM known_gaps AS b WHERE b.instrument_id = f.instrument_id AND b.starts < f.starts
        ), f.starts)
    ORDER BY g.found_at, g.gap_id
    LIMIT 1
) AS known ON true;

-- step: reconcile_gaps
-- Makes the open rows of the ledger those that were found, in one statement: rows that changed are changed, parts that are no
-- longer missing become history, new gaps are opened. Nothing new found, nothing written.
-- Filled are the minutes that have a row in the relation of the data set, as in psql -v relation=candles.
WITH compared AS MATERIALIZED (
    SELECT
        known.*, still.gaps IS NOT NULL AS continues,
        tstzmultirange(tstzrange(known.starts, known.ends)) - coalesce(still.gaps, '{}') AS no_longer
    FROM known_gaps AS known
    JOIN restless_instruments USING (instrument_id)
    CROSS JOIN LATERAL (
        SELECT range_agg(tstzrange(f.starts, f.ends)) AS gaps
        FROM found_gaps AS f
        WHERE f.instrument_id = known.instrument_id AND f.starts < known.ends AND f.ends > known.starts
            -- Found gaps never overlap either: of those that begin before it only the last can reach it.
            AND f.starts >= coalesce((
                SELECT max(b.starts) FROM found_gaps AS b
                WHERE b.instrument_id = known.instrument_id AND b.starts < known.starts
            ), known.starts)
    ) AS still
), parts AS MATERIALIZED (
    SELECT
        c.gap_id, c.continues, c.instrument_id, lower(part.stretch) AS starts, upper(part.stretch) AS ends, c.reason, c.evidence,
        c.found_at, c.attempts, expected.minutes,
        CASE
            WHEN expected.minutes = 0 THEN 'not_expected'
            ELSE concat_ws(', ', standing.sources, CASE
                WHEN standing.minutes >= expected.minutes THEN NULL
                -- Nothing else ends such a gap; the row that does may lie outside the window, in the same beat.
                WHEN NOT :'is_silence_plausible'::boolean THEN CASE WHEN standing.sources IS NULL THEN 'its beat' END
                -- Its feed lives after all, and nothing more is known: that explains no silence.
                WHEN c.instrument_id IN (SELECT instrument_id FROM unmeasured_instruments) THEN 'not_judged'
                ELSE 'no_trades'
            END)
        END AS healed_from
    FROM compared AS c
    JOIN lives AS whole USING (instrument_id)
    CROSS JOIN LATERAL unnest(c.no_longer) AS part (stretch)
    CROSS JOIN LATERAL (
        -- Outside the window nothing expected is no longer missing: found_gaps has kept it.
        SELECT lower(inside) AS starts, upper(inside) AS ends, inside AS stretches
        FROM (
            SELECT whole.life * tstzmultirange(part.stretch) * tstzmultirange(tstzrange(:'starts'::timestamptz, :'ends'::timestamptz))
        ) AS lived (inside)
    ) AS life
    CROSS JOIN LATERAL (
        SELECT
            coalesce(sum(bit_count(s.minutes & market.minutes_within(s.hour, life.stretches))), 0)::integer AS minutes
        FROM stretches AS s
        WHERE s.calendar = c.calendar
            AND s.hour >= date_bin('1 hour', life.starts, '2000-01-01 00:00Z') AND s.hour < life.ends
    ) AS expected
    CROSS JOIN LATERAL (
        SELECT
            string_agg(DISTINCT source::text, ', ') FILTER (WHERE is_expected) AS sources,
            count(*) FILTER (WHERE is_expected) AS minutes
        FROM (
            SELECT
                candle.source,
                EXISTS (
                    SELECT FROM stretches AS s
                    WHERE s.calendar = c.calendar AND s.hour = date_bin('1 hour', candle.time, '2000-01-01 00:00Z')
                        AND s.starts <= candle.time AND s.ends > candle.time
                ) AS is_expected
            FROM market.:"relation" AS candle
            WHERE candle.instrument_id = c.instrument_id AND NOT candle.partial
                AND candle.time >= life.starts AND candle.time < life.ends AND life.stretches @> candle.time
                -- Said again as constants, so that chunks are excluded while planning.
                AND candle.time >= :'starts'::timestamptz AND candle.time < :'ends'::timestamptz
        ) AS stored
    ) AS standing
), ended AS (
    UPDATE market.gaps AS g
    SET healed_at = :'at'::timestamptz, healed_from = p.healed_from, next_attempt_at = NULL
    FROM parts AS p
    WHERE g.gap_id = p.gap_id AND NOT p.continues
    RETURNING g.minutes
), history AS (
    INSERT INTO market.gaps (
        dataset, instrument_id, starts, ends, minutes, reason, evidence, found_at, healed_at, healed_from, attempts
    )
    SELECT :'dataset', instrument_id, starts, ends, minutes, reason, evidence, found_at, :'at'::timestamptz, healed_from, attempts
    FROM parts
    WHERE continues AND minutes > 0
    RETURNING minutes
), absorbed AS (
    DELETE FROM market.gaps AS g
    USING compared AS c
    WHERE g.gap_id = c.gap_id AND c.continues
        AND NOT EXISTS (SELECT FROM claimed_gaps AS claim WHERE claim.gap_id = c.gap_id AND claim.keeps)
), changed AS (
    UPDATE market.gaps AS g
    SET starts = claim.starts, ends = claim.ends, minutes = claim.minutes, reason = claim.reason, evidence = claim.evidence
    FROM claimed_gaps AS claim
    WHERE g.gap_id = claim.gap_id AND claim.keeps
        AND (g.starts, g.ends, g.minutes, g.reason) IS DISTINCT FROM (claim.starts, claim.ends, claim.minutes, claim.reason)
    RETURNING g.gap_id
), opened AS (
    INSERT INTO market.gaps (
        dataset, instrument_id, starts, ends, minutes, reason, evidence, found_at, attempts, next_attempt_at
    )
    SELECT
        :'dataset', instrument_id, starts, ends, minutes, reason, evidence,
        coalesce(found_at, :'at'::timestamptz), coalesce(attempts, 0), next_attempt_at
    FROM claimed_gaps
    WHERE NOT keeps
    RETURNING found_at = :'at'::timestamptz AS is_new
)
SELECT
    (SELECT count(*) FROM opened WHERE is_new) AS found,
    (SELECT count(*) FROM ended) + (SELECT count(*) FROM history) AS healed,
    (SELECT coalesce(sum(minutes), 0) FROM (SELECT minutes FROM ended UNION ALL SELECT minutes FROM history) AS past)::bigint
        AS minutes_healed,
    (SELECT count(*) FROM changed) AS changed;

-- step: record_judged
-- Remembers that a scan has judged its window, for the instruments of its share: when candles are expected of each. Of those
-- whose silence could not be measured that is only what a vendor explained, and whatever a monitor judged before is not judged
-- now. Most scans continue where the last one ended: that moves the one row of their reach. An instrument's own row is written
-- where it has no part in that.
WITH reach AS MATERIALIZED (
    SELECT greatest(
        :'ends'::timestamptz,
        (
            SELECT ends FROM market.reaches
            WHERE dataset = :'dataset' AND component = :'component' AND share = :'first'::integer
        )
    ) AS ends
), looked AS (
    SELECT n.instrument_id, n.calendar, n.feed, n.life AS seen, CASE
        WHEN n.instrument_id IN (SELECT instrument_id FROM unmeasured_instruments) THEN n.life * coalesce(
            (
                SELECT range_agg(tstzrange(g.starts, g.ends))
                FROM market.gaps AS g
                WHERE g.dataset = :'dataset' AND g.instrument_id = n.instrument_id AND g.reason = 'no_trades'
                    AND g.starts < :'ends'::timestamptz AND g.ends > :'starts'::timestamptz
            ),
            '{}'
        )
        ELSE n.life
    END AS stretches
    FROM scanned_instruments AS n
), known AS (
    SELECT own.instrument_id, own.calendar, own.feed, valid.stretches
    FROM market.judged AS own
    LEFT JOIN market.judged_stretches AS valid USING (dataset, instrument_id, component)
    WHERE own.dataset = :'dataset' AND own.component = :'component'
        AND (own.share = :'first'::integer OR own.instrument_id BETWEEN :'first'::integer AND :'last'::integer)
), together AS (
    SELECT
        instrument_id, coalesce(looked.calendar, known.calendar) AS calendar, coalesce(looked.feed, known.feed) AS feed,
        (coalesce(known.stretches, '{}') - coalesce(looked.seen, '{}') + coalesce(looked.stretches, '{}'))
            -- What lies outside its life has no gap in the ledger: if it is expected one day, nobody has judged it.
            * whole.life AS stretches
    FROM known
    FULL JOIN looked USING (instrument_id)
    JOIN lives AS whole USING (instrument_id)
), wanted AS (
    SELECT
        t.instrument_id, t.calendar, t.feed, CASE WHEN last.since IS NOT NULL THEN :'first'::integer END AS share, last.since,
        t.stretches - CASE WHEN last.since < reach.ends THEN tstzmultirange(tstzrange(last.since, reach.ends)) ELSE '{}' END
            AS stretches
    FROM together AS t
    CROSS JOIN reach
    LEFT JOIN LATERAL (
        SELECT lower(part) AS since FROM unnest(t.stretches) AS part WHERE upper(part) = reach.ends
    ) AS last ON true
), moved AS (
    -- ON CONFLICT alone would lock the row, which writes to it.
    INSERT INTO market.reaches AS stored (dataset, component, share, ends)
    SELECT :'dataset', :'component', :'first'::integer, reach.ends
    FROM reach
    WHERE NOT EXISTS (
        SELECT FROM market.reaches AS r
        WHERE r.dataset = :'dataset' AND r.component = :'component' AND r.share = :'first'::integer AND r.ends = reach.ends
    )
    ON CONFLICT (dataset, component, share) DO UPDATE SET ends = excluded.ends
), unsaid AS (
    -- The newest look is what counts, whichever monitor's.
    UPDATE market.judged AS other
    SET stretches = valid.stretches - (l.seen - l.stretches), share = NULL, since = NULL
    FROM looked AS l
    JOIN market.judged_stretches AS valid ON valid.dataset = :'dataset' AND valid.instrument_id = l.instrument_id
    WHERE other.dataset = :'dataset' AND other.instrument_id = valid.instrument_id AND other.component = valid.component
        AND other.component <> :'component' AND valid.stretches && (l.seen - l.stretches)
)
INSERT INTO market.judged AS stored (dataset, instrument_id, component, calendar, feed, stretches, share, since)
SELECT :'dataset', w.instrument_id, :'component', w.calendar, w.feed, w.stretches, w.share, w.since
FROM wanted AS w
LEFT JOIN market.judged AS own ON own.dataset = :'dataset' AND own.instrument_id = w.instrument_id AND own.component = :'component'
WHERE (own.calendar, own.feed, own.stretches, own.share, own.since)
    IS DISTINCT FROM (w.calendar, w.feed, w.stretches, w.share, w.since)
ON CONFLICT (instrument_id, dataset, component) DO UPDATE SET
    calendar = excluded.calendar, feed = excluded.feed, stretches = excluded.stretches, share = excluded.share,
    since = excluded.since;

-- step: drop_scan_share
-- Makes room for the next share of a scan. Of one that has too much to do only the first tables were made.
DROP TABLE IF EXISTS
    scanned_instruments, known_gaps, expected_hours, trade_floors, missing_hours, steady_instruments, hour_trades, trade_rates,
    unmeasured_instruments, gap_runs, restless_instruments, found_gaps, claimed_gaps;
