-- Makes the open rows of the ledger those that were found, in one statement: rows that changed are changed, parts that are no
-- longer missing become history, new gaps are opened. Nothing found anew, nothing written.
WITH compared AS MATERIALIZED (
    SELECT known.*, coalesce(still.gaps && tstzrange(known.starts, known.ends), false) AS continues,
        tstzmultirange(tstzrange(known.starts, known.ends)) - coalesce(still.gaps, '{}') AS no_longer
    FROM known_gaps AS known
    LEFT JOIN (
        -- One row an instrument: with a row a gap, a planner that has no statistics yet pairs every gap with every other.
        SELECT instrument_id, range_agg(tstzrange(starts, ends)) AS gaps FROM found_gaps GROUP BY instrument_id
    ) AS still USING (instrument_id)
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
        SELECT greatest(lower(part.stretch), c.since) AS starts, least(upper(part.stretch), c.until) AS ends
    ) AS life
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(market.minute_of(s.hour, s.ends) - market.minute_of(s.hour, s.starts)), 0)::integer AS minutes
        FROM market.expected_stretches(life.starts, life.ends) AS s
        WHERE s.calendar = c.calendar
    ) AS expected
    CROSS JOIN LATERAL (
        SELECT string_agg(DISTINCT candle.source::text, ', ') AS sources, count(*) AS minutes
        FROM market.candles AS candle
        WHERE candle.instrument_id = c.instrument_id
            AND candle.time >= life.starts AND candle.time < life.ends AND NOT candle.partial
            AND market.is_expected(c.calendar, candle.time)
    ) AS standing
), ended AS (
    UPDATE market.gaps AS g
    SET healed_at = :'at'::timestamptz, healed_from = p.healed_from, next_attempt_at = NULL
    FROM parts AS p
    WHERE g.gap_id = p.gap_id AND NOT p.continues
    RETURNING g.minutes
), history AS (
    INSERT INTO market.gaps (
        instrument_id, starts, ends, minutes, reason, evidence, found_at, healed_at, healed_from, attempts
    )
    SELECT instrument_id, starts, ends, minutes, reason, evidence, found_at, :'at'::timestamptz, healed_from, attempts
    FROM parts
    WHERE continues AND minutes > 0
    RETURNING minutes
), absorbed AS (
    DELETE FROM market.gaps AS g
    USING compared AS c
    WHERE g.gap_id = c.gap_id AND c.continues
        AND c.gap_id NOT IN (SELECT claim.gap_id FROM claimed_gaps AS claim WHERE claim.keeps)
), changed AS (
    UPDATE market.gaps AS g
    SET starts = claim.starts, ends = claim.ends, minutes = claim.minutes, reason = claim.reason, evidence = claim.evidence
    FROM claimed_gaps AS claim
    WHERE g.gap_id = claim.gap_id AND claim.keeps
        AND (g.starts, g.ends, g.minutes, g.reason) IS DISTINCT FROM (claim.starts, claim.ends, claim.minutes, claim.reason)
    RETURNING g.gap_id
), opened AS (
    INSERT INTO market.gaps (
        instrument_id, starts, ends, minutes, reason, evidence, found_at, attempts, next_attempt_at
    )
    SELECT
        instrument_id, starts, ends, minutes, reason, evidence,
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
