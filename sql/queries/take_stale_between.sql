-- Takes marks of stale hours whose derived candles were made by whoever left the marks; stored indicators stay as they are.
DELETE FROM market.stale WHERE stale_id BETWEEN :'first'::bigint AND :'last'::bigint;
