-- The minutes in which an alert fired, or all alerts of the user, the newest first.
SELECT alert_id, minute, side, level, price, close_before, is_late, fired_at, revised_at
FROM market.alert_firings
WHERE :'alert_id'::bigint IS NULL OR alert_id = :'alert_id'::bigint
ORDER BY minute DESC, alert_id
LIMIT :'most'::bigint;
