-- The runs of adjacent missing minutes that are gaps: those with ticks (unaggregated), those in which the feed was silent
-- (feed_down), and silences of a living feed that are not plausible (instrument_silent): e^(-trades expected) < 0.001, at
-- the instrument's own rate at that time of day, the silence itself left out. Silence that is plausible is no gap,
-- where :is_silence_plausible says that it can be.
-- Work grows with the missing minutes only; hours that are missing whole count as one piece each.
CREATE TEMPORARY TABLE gap_runs ON COMMIT DROP AS
WITH kinds AS (
    SELECT m.*, kind.name AS kind, kind.minutes, 'Infinity'::double precision AS busiest
    FROM missing_hours AS m
    CROSS JOIN LATERAL (VALUES ('unaggregated', m.waiting), ('feed_down', m.down)) AS kind (name, minutes)
    WHERE bit_count(kind.minutes) > 0
    UNION ALL
    SELECT m.*, 'instrument_silent', m.quiet, rate.highest
    FROM missing_hours AS m
    JOIN trade_rates AS at_hour ON at_hour.instrument_id = m.instrument_id AND at_hour.hour_of_day = date_part('hour', m.hour)
    JOIN trade_rates AS overall ON overall.instrument_id = m.instrument_id AND overall.hour_of_day IS NULL
    CROSS JOIN LATERAL (
        -- No silence of this hour can be judged by a higher rate than with all of its quiet minutes left out.
        SELECT greatest(
            market.trade_rate(at_hour.trades, at_hour.present, at_hour.minutes - bit_count(m.quiet)),
            market.trade_rate(overall.trades, overall.present, overall.minutes - bit_count(m.quiet))
        ) AS highest
    ) AS rate
    WHERE bit_count(m.quiet) > 0
), texts AS (
    SELECT kinds.*, CASE
        WHEN NOT :'is_silence_plausible'::boolean OR :'cadence'::bit(60) <> (-1)::bigint::bit(60) THEN ones.text
        WHEN strpos(ones.text, '0') = 0 OR busiest = 0 OR busiest * longest.bound > -ln(0.001) THEN ones.text
        -- Whatever stands alone inside this hour is plausible: only what reaches into its neighbours may matter.
        ELSE rpad(repeat('1', edge.head), length(ones.text) - edge.tail, '0') || repeat('1', edge.tail)
    END AS text
    FROM kinds
    CROSS JOIN LATERAL (
        SELECT substring(minutes::text, first_minute + 1, beyond_minute - first_minute) AS text
    ) AS ones
    CROSS JOIN LATERAL (
        SELECT
            length(ones.text) - length(ltrim(ones.text, '1')) AS head, length(ones.text) - length(rtrim(ones.text, '1')) AS tail
    ) AS edge
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
        t.instrument_id, t.feed, t.kind, t.hour, t.in_week, t.in_day,
        t.first_minute + piece.skipped AS first_minute, piece.length,
        t.place + bit_count(market.minute_mask(t.first_minute, t.first_minute + piece.skipped) & :'cadence'::bit(60)) AS place
    FROM texts AS t
    CROSS JOIN LATERAL (
        SELECT
            (sum(length(part[1]) + length(part[2])) OVER (ORDER BY number) - length(part[2]))::integer AS skipped,
            length(part[2]) AS length
        FROM regexp_matches(t.text, '(0*)(1+)', 'g') WITH ORDINALITY AS found (part, number)
    ) AS piece
), placed AS (
    SELECT
        p.*, date_part('hour', p.hour) AS hour_of_day,
        p.place - sum(p.length) OVER (PARTITION BY p.instrument_id, p.kind ORDER BY p.place) + p.length AS run
    FROM pieces AS p
), weighed AS (
    -- The whole silence is left out of the minutes it is judged by, not only its part in this hour.
    SELECT
        p.*,
        CASE WHEN p.kind = 'instrument_silent' THEN p.length * CASE
            WHEN at_hour.minutes - p.own_at_hour >= 180
            THEN market.trade_rate(at_hour.trades, at_hour.present, at_hour.minutes - p.own_at_hour)
            ELSE market.trade_rate(overall.trades, overall.present, overall.minutes - p.own)
        END END AS trades_expected
    FROM (
        SELECT
            placed.*,
            sum(length) OVER (PARTITION BY instrument_id, kind, run, hour_of_day)::bigint AS own_at_hour,
            sum(length) OVER (PARTITION BY instrument_id, kind, run)::bigint AS own
        FROM placed
    ) AS p
    LEFT JOIN trade_rates AS at_hour
        ON at_hour.instrument_id = p.instrument_id AND at_hour.hour_of_day = p.hour_of_day AND p.kind = 'instrument_silent'
    LEFT JOIN trade_rates AS overall
        ON overall.instrument_id = p.instrument_id AND overall.hour_of_day IS NULL AND p.kind = 'instrument_silent'
), runs AS (
    SELECT
        instrument_id, feed, kind::market.gap_reason AS reason,
        min(hour + first_minute * INTERVAL '1 minute') AS starts,
        max(hour + (first_minute + length) * INTERVAL '1 minute') AS ends,
        sum(length)::integer AS minutes,
        sum(bit_count(market.minute_mask(first_minute, first_minute + length) & in_week)) AS minutes_in_week,
        sum(bit_count(market.minute_mask(first_minute, first_minute + length) & in_day)) AS minutes_in_day,
        sum(trades_expected) AS trades_expected,
        min(place) AS place, max(place + length) AS beyond_place
    FROM weighed
    GROUP BY instrument_id, feed, kind, run
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
        -- What the ledger knows of silences that go on: their rate, and how many of their minutes lie beyond the window's edges.
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
            AND g.starts <= r.ends AND g.ends >= r.starts
            -- Open gaps never overlap: of those that begin before the run only the last can reach it.
            AND g.starts >= coalesce((
                SELECT max(b.starts) FROM known_gaps AS b WHERE b.instrument_id = r.instrument_id AND b.starts < r.starts
            ), r.starts)
    ) AS k ON r.reason = 'instrument_silent'
)
SELECT
    instrument_id, feed, reason, starts, ends, minutes, place, beyond_place, minutes_in_week, minutes_in_day,
    CASE reason
        WHEN 'unaggregated' THEN jsonb_build_object('ticks', 'waiting')
        WHEN 'feed_down' THEN jsonb_build_object('feed', feed)
        -- JSON knows no infinity: null says that every other minute had a trade.
        ELSE jsonb_build_object(
            'feed', feed,
            'trades_expected', CASE WHEN rate < 'Infinity' THEN round((rate * minutes_in_all)::numeric, 1) END,
            'trades_a_minute', CASE WHEN rate < 'Infinity' THEN round(rate::numeric, 6) END
        )
    END AS evidence
FROM judged
WHERE reason <> 'instrument_silent' OR NOT :'is_silence_plausible'::boolean OR rate * minutes_in_all > -ln(0.001);
