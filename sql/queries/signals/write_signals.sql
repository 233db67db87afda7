-- Raises the signals of rules of one timeframe, given as arrays, where :page (judge_rules) says that they speak; ends those that
-- are open where they speak no more; and takes the end back of those where they speak again. What was dropped of the tables that
-- they read is not a reason to end any.
WITH judged AS MATERIALIZED (:page), rules AS (
    SELECT r.*, k.live_from
    FROM unnest(
        :'strategies'::text[], :'versions'::text[], :'directions'::smallint[], :'strengths'::double precision[],
        :'confidences'::double precision[], :'targets'::double precision[], :'stops'::double precision[],
        :'sessions'::integer[], :'buckets'::interval[]
    ) WITH ORDINALITY AS r (
        strategy, strategy_version, direction, strength, confidence, target, stop, sessions, buckets, number
    )
    JOIN market.signal_rules AS k USING (strategy, strategy_version)
), dropped AS MATERIALIZED (
    SELECT market.dropped(name) AS stretches FROM unnest(:'tables'::text[]) AS name
), raised AS (
    INSERT INTO market.signals (
        strategy, strategy_version, instrument_id, timeframe, time, known_at, direction, strength, confidence, price,
        target_price, stop_loss, rationale, indicators_used, generated_at, expires_at, backfilled, from_rule
    )
    SELECT
        r.strategy, r.strategy_version, j.instrument_id, :'timeframe', j.time, j.known_at, r.direction, r.strength, r.confidence,
        j.price, (j.price + sign(r.direction) * r.target * j.atr)::numeric, (j.price - sign(r.direction) * r.stop * j.atr)::numeric,
        j.rationale, j.used, :'at'::timestamptz, x.expires_at,
        j.known_at <= r.live_from OR x.expires_at <= :'at'::timestamptz, true
    FROM judged AS j
    JOIN rules AS r USING (number)
    CROSS JOIN LATERAL (
        SELECT coalesce(
            j.known_at + r.buckets,
            (
                SELECT max(closes_at)
                FROM market.sessions
                WHERE calendar = j.calendar AND closes_at > j.known_at AND opens_at < j.known_at + (r.sessions + 10) * INTERVAL '2 days'
                GROUP BY session_date ORDER BY session_date OFFSET r.sessions - 1 LIMIT 1
            ),
            -- Where no session is known.
            j.known_at + r.sessions * INTERVAL '1 day'
        ) AS expires_at
    ) AS x
    ON CONFLICT (strategy, strategy_version, instrument_id, timeframe, time) DO NOTHING
    RETURNING id
), looked_at AS MATERIALIZED (
    SELECT s.id, s.ended_by, EXISTS (
        SELECT FROM judged AS j WHERE j.number = r.number AND j.instrument_id = s.instrument_id AND j.time = s.time
    ) AS speaks
    FROM judged AS l
    CROSS JOIN rules AS r
    JOIN market.signals AS s USING (strategy, strategy_version, instrument_id)
    -- What a later run has raised is not known yet to one that was scheduled earlier.
    WHERE l.number = 0 AND s.from_rule AND s.timeframe = :'timeframe' AND s.known_at <= :'settled'::timestamptz
        AND s.time >= l.first AND (s.time < l.last OR s.time <= l.time)
), revised AS (
    UPDATE market.signals AS s
    SET ended_at = :'at'::timestamptz, ended_by = 'revised', ended_price = NULL, end_revision = s.end_revision + 1
    FROM looked_at AS l
    WHERE s.id = l.id AND NOT l.speaks AND s.ended_by IS DISTINCT FROM 'revised'
        AND NOT EXISTS (SELECT FROM dropped WHERE stretches @> s.time)
    RETURNING s.id
), reopened AS (
    UPDATE market.signals AS s
    SET ended_at = NULL, ended_by = NULL, end_revision = s.end_revision + 1
    FROM looked_at AS l
    WHERE s.id = l.id AND l.speaks AND l.ended_by = 'revised'
    RETURNING s.id
)
SELECT 'raised' AS event, id FROM raised
UNION ALL SELECT 'revised', id FROM revised
UNION ALL SELECT 'reopened', id FROM reopened;
