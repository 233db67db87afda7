-- The last of the marks of stale hours from one on; null where there is none.
SELECT max(stale_id) AS last FROM market.stale WHERE stale_id >= :'first'::bigint;
