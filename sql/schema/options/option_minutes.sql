CREATE OR REPLACE VIEW market.option_minutes AS
SELECT instrument_id, time, false AS partial, NULL::bigint AS trades, 'strike_candles' AS source
FROM market.strike_candles GROUP BY instrument_id, time;
COMMENT ON VIEW market.option_minutes IS 'By which hours of strike candles are counted: a minute has its rows if any strike of the underlying has one.';
