-- What the ledger knows of the instruments of a share: their open gaps that lie in the window, or touch it.
CREATE TEMPORARY TABLE known_gaps ON COMMIT DROP AS
SELECT g.*, n.calendar, coalesce(n.listed_at, n.data_from) AS since, n.delisted_at AS until
FROM market.gaps AS g
JOIN market.instruments AS n USING (instrument_id)
WHERE g.healed_at IS NULL AND g.instrument_id BETWEEN :'first'::integer AND :'last'::integer
    AND g.starts <= :'ends'::timestamptz AND g.ends >= :'starts'::timestamptz;
