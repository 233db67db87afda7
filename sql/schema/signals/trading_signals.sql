CREATE OR REPLACE VIEW market.trading_signals AS
SELECT
    s.id AS signal_id, n.instrument_key, split_part(n.instrument_key, '@', 2) AS symbol, s.timeframe AS interval,
    s.time AS signal_time, s.strategy AS strategy_name, s.strategy_version,
    (ARRAY['strong_sell', 'sell', 'hold', 'buy', 'strong_buy'])[s.direction + 3] AS signal_type,
    s.strength, s.confidence, s.price, s.target_price, s.stop_loss, s.rationale, s.indicators_used,
    s.generated_at, s.expires_at, s.ended_at IS NULL AS is_active, s.ended_at, s.ended_by, s.ended_price, s.backfilled
FROM market.signals AS s
JOIN market.instruments AS n USING (instrument_id);
COMMENT ON VIEW market.trading_signals IS 'Signals under names that programs of trading desks know. is_active is a boolean.';
