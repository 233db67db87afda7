-- How many marks up to a moment wait to be refreshed.
SELECT count(*) FROM market.marks WHERE dataset = :'dataset' AND work = 'refresh' AND hour <= :'at'::timestamptz;
