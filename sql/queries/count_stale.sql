-- How many marks up to a moment wait to be refreshed.
SELECT count(*) FROM market.stale WHERE hour <= :'at'::timestamptz;
