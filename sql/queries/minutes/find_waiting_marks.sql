-- The oldest minute that is due by :ends and not aggregated: of those from :starts on, and of any before; by the index.
SELECT
    (
        SELECT min(bucket) FROM market.dirty
        WHERE dataset = :'dataset' AND bucket >= :'starts'::timestamptz AND bucket < :'ends'::timestamptz
    ) AS oldest,
    (SELECT min(bucket) FROM market.dirty WHERE dataset = :'dataset' AND bucket < :'starts'::timestamptz) AS older;
