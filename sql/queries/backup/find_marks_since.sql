-- The last of the marks of stale hours from one on; null where there is none.
SELECT max(mark_id) AS last FROM market.marks WHERE work = 'refresh' AND mark_id >= :'first'::bigint;
