-- Makes the open rows of the ledger those that were found, in one statement: rows that changed are changed, parts that are no
-- longer missing become history, new gaps are opened. Nothing found anew, nothing written.
-- Filled are the minutes that have a row in the relation of the data set, as in psql -v relation=candles.
WITH compared AS MATERIALIZED (
    SELECT
        known.*, still.gaps IS NOT NULL AS continues,
        tstzmultirange(tstzrange(known.starts, known.ends)) - coalesce(still.gaps, '{}') AS no_longer
    FROM known_gaps AS known
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
                -- Its feed lives after all, and nothing tells more: that explains no silence.
                WHEN c.instrument_id IN (SELECT instrument_id FROM unmeasured_instruments) THEN 'not_judged'
                ELSE 'no_trades'
            END)
        END AS healed_from
    FROM compared AS c
    CROSS JOIN LATERAL unnest(c.no_longer) AS part (stretch)
    CROSS JOIN LATERAL (
        -- Outside the window nothing expected is no longer missing: found_gaps has kept it.
        SELECT lower(inside) AS starts, upper(inside) AS ends, inside AS stretches
        FROM (
            SELECT c.life * tstzmultirange(part.stretch) * tstzmultirange(tstzrange(:'starts'::timestamptz, :'ends'::timestamptz))
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
