-- What is set for a database, for all roles (role is null) or for one; what TimescaleDB sets while it restores left out.
SELECT r.rolname::text AS role, split_part(setting, '=', 1) AS name, substr(setting, strpos(setting, '=') + 1) AS value
FROM pg_database AS d
JOIN pg_db_role_setting AS s ON s.setdatabase = d.oid
LEFT JOIN pg_roles AS r ON r.oid = s.setrole
CROSS JOIN unnest(s.setconfig) AS setting
WHERE d.datname = :'database' AND NOT starts_with(setting, 'timescaledb.restoring=')
ORDER BY role, name;
