CREATE OR REPLACE FUNCTION market.trade_rate(trades numeric, present bigint, minutes bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN trades IS NOT NULL THEN trades::double precision / greatest(minutes, 60)
    WHEN present >= greatest(minutes, 60) THEN 'Infinity'
    ELSE -ln(1 - present::double precision / greatest(minutes, 60))
END;
COMMENT ON FUNCTION market.trade_rate IS 'Trades a minute. Where candles do not count their trades, the Poisson rate at which that many of the minutes have any. An hour at least counts as watched: one trade right after a listing says little.';
