-- Deletes an alert and what it fired, if it is of that revision (null: of any).
DELETE FROM market.alerts
WHERE alert_id = :'alert_id'::bigint AND coalesce(:'revision'::bigint, revision) = revision;
