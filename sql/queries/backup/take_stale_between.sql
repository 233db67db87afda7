-- Takes marks of stale hours whose derived candles the one who left them has made; stored indicators stay as they are.
DELETE FROM market.marks WHERE work = 'refresh' AND mark_id BETWEEN :'first'::bigint AND :'last'::bigint;
