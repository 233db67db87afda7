CREATE OR REPLACE VIEW market.option_minutes AS
SELECT e.instrument_id, s.time, false AS partial, NULL::bigint AS trades, 'strike_candles' AS source
FROM market.strike_candles AS s
JOIN market.option_expiries AS e ON e.underlying_id = s.instrument_id AND e.expires_at = s.expires_at
GROUP BY e.instrument_id, s.time;
COMMENT ON VIEW market.option_minutes IS 'By which hours of strike candles are counted: a minute of an expiry has its rows if any of its strikes has one. How many do says nothing about how often it is quiet: they move together.';
