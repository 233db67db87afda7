-- The oldest minute that is due by :ends and not aggregated, whatever is made of it: of those from :starts on, and of any before;
-- by the index.
SELECT
    (
        SELECT min(bucket) FROM market.dirty WHERE bucket >= :'starts'::timestamptz AND bucket < :'ends'::timestamptz
    ) AS oldest,
    (SELECT min(bucket) FROM market.dirty WHERE bucket < :'starts'::timestamptz) AS older;
