-- What the marks still hold: the oldest due minute not yet aggregated, and how many marks lie beyond :latest, where no
-- honest tick can be yet.
SELECT
    (SELECT min(bucket) FROM market.dirty WHERE bucket >= :'starts'::timestamptz AND bucket < :'ends'::timestamptz) AS oldest_due,
    (SELECT count(*) FROM market.dirty WHERE bucket > :'latest'::timestamptz) AS future_marks;
