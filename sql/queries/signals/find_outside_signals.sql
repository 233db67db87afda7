-- What is stored under the names of signals, given as JSON, in their order.
SELECT
    s.id, s.strategy, s.strategy_version, n.instrument_key, s.timeframe, s.time, s.direction, s.strength, s.confidence, s.price,
    s.target_price, s.stop_loss, s.rationale, s.indicators_used, s.generated_at, s.known_at, s.expires_at, s.backfilled
FROM ROWS FROM (
    jsonb_to_recordset(:'signals'::jsonb) AS (strategy text, strategy_version text, instrument_id integer, timeframe text, time timestamptz)
) WITH ORDINALITY AS w (strategy, strategy_version, instrument_id, timeframe, time, place)
JOIN market.signals AS s USING (strategy, strategy_version, instrument_id, timeframe, time)
JOIN market.instruments AS n USING (instrument_id)
ORDER BY w.place;
