-- Takes marks of stale hours whose derived candles the one who left them has made; stored indicators stay as they are.
DELETE FROM market.stale WHERE stale_id BETWEEN :'first'::bigint AND :'last'::bigint;
