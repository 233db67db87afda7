-- A signal with all that is known of it.
SELECT
    s.id, s.time, n.instrument_key, s.timeframe, s.strategy, s.strategy_version, s.direction, s.strength, s.confidence, s.price,
    s.target_price, s.stop_loss, s.generated_at, s.expires_at, s.ended_at, s.ended_by, s.ended_price, s.backfilled, s.rationale,
    s.known_at, s.indicators_used, s.end_revision
FROM market.signals AS s
JOIN market.instruments AS n USING (instrument_id)
WHERE s.id = :'id'::bigint;
