-- Leaves messages of signals that were :raised, and of those whose end changed (:ended): what was backfilled, nobody could act on.
-- A key names a signal and what happened; where its end has changed before, also how often.
INSERT INTO market.outbox (topic, key, group_key, body, created_at)
SELECT
    'signals', format('signal:%s:%s', s.id, e.event) || CASE WHEN e.time > 1 THEN ':' || e.time ELSE '' END,
    format('signal:%s', s.id),
    jsonb_build_object(
        'event', e.event, 'id', s.id, 'time', s.time, 'instrument_key', n.instrument_key, 'timeframe', s.timeframe,
        'strategy', s.strategy, 'strategy_version', s.strategy_version, 'direction', s.direction, 'strength', s.strength,
        'confidence', s.confidence, 'price', s.price, 'target_price', s.target_price, 'stop_loss', s.stop_loss,
        'rationale', s.rationale, 'indicators_used', s.indicators_used, 'generated_at', s.generated_at, 'expires_at', s.expires_at,
        'ended_at', s.ended_at, 'ended_by', s.ended_by, 'ended_price', s.ended_price
    ),
    :'at'::timestamptz
FROM (
    SELECT id, 'raised' AS event, 1 AS time, 1 AS place FROM unnest(:'raised'::bigint[]) AS raised (id)
    UNION ALL
    SELECT s.id, CASE WHEN s.ended_at IS NULL THEN 'reopened' ELSE 'ended' END, s.end_revision, 2
    FROM market.signals AS s WHERE s.id = ANY (:'ended'::bigint[])
) AS e
JOIN market.signals AS s USING (id)
JOIN market.instruments AS n USING (instrument_id)
WHERE NOT s.backfilled
ORDER BY s.id, e.place
ON CONFLICT (topic, key) DO NOTHING;
