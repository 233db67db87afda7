-- How interest rates of a file are written, in running order, in the caller's transaction.

-- step: create_said_rates
-- Where rates wait, as arrays of equal length, each with its place in the file.
CREATE TEMPORARY TABLE said_rates ON COMMIT DROP AS
SELECT *
FROM unnest(
    :'currencies'::text[], :'times'::timestamptz[], :'days'::integer[], :'rates'::numeric[], :'lines'::bigint[]
) AS said (currency, time, days, rate, line);

-- step: insert_rates
-- Of several of one key the first, and none whose key is stored already.
INSERT INTO market.rates (currency, time, days, rate)
SELECT currency, time, days, rate FROM said_rates ORDER BY line
ON CONFLICT DO NOTHING;

-- step: list_rate_conflicts
-- Those whose key is stored with another rate: the first few, how many there are in all, and where the file says what is stored.
SELECT
    said.line, to_jsonb(said) - 'line' AS said, to_jsonb(stored) AS stored,
    (
        SELECT min(same.line) FROM said_rates AS same
        WHERE (same.currency, same.time, same.days, same.rate) = (stored.currency, stored.time, stored.days, stored.rate)
    ) AS stored_line,
    count(*) OVER () AS conflicts
FROM said_rates AS said
JOIN market.rates AS stored USING (currency, time, days)
WHERE said.rate <> stored.rate
ORDER BY said.line
LIMIT :'most'::integer;

-- step: replace_rates
-- Corrects stored rates: of several of one key the last one holds.
UPDATE market.rates AS stored SET rate = said.rate
FROM (
    SELECT DISTINCT ON (currency, time, days) * FROM said_rates ORDER BY currency, time, days, line DESC
) AS said
WHERE (stored.currency, stored.time, stored.days) = (said.currency, said.time, said.days) AND stored.rate <> said.rate;
