-- Writes signals from outside, given as JSON, that are not stored under their names; in one order everywhere, so that two that write
-- the same wait for each other at the first.
INSERT INTO market.signals (
    strategy, strategy_version, instrument_id, timeframe, time, known_at, direction, strength, confidence, price, target_price,
    stop_loss, rationale, indicators_used, generated_at, expires_at, backfilled
)
SELECT
    strategy, strategy_version, instrument_id, timeframe, time, known_at, direction, strength, confidence, price, target_price,
    stop_loss, rationale, indicators_used, coalesce(generated_at, :'received_at'::timestamptz), expires_at,
    backfilled OR expires_at <= :'received_at'::timestamptz
FROM jsonb_to_recordset(:'signals'::jsonb) AS s (
    strategy text, strategy_version text, instrument_id integer, timeframe text, time timestamptz, known_at timestamptz,
    direction smallint, strength double precision, confidence double precision, price numeric, target_price numeric,
    stop_loss numeric, rationale text, indicators_used jsonb, generated_at timestamptz, expires_at timestamptz, backfilled boolean
)
ORDER BY strategy, strategy_version, instrument_id, timeframe, time
ON CONFLICT (strategy, strategy_version, instrument_id, timeframe, time) DO NOTHING
RETURNING id;
