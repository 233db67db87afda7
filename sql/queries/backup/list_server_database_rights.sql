-- Who may do what with a database (role null: everybody); no row where that was never changed.
SELECT r.rolname::text AS role, given.privilege_type::text AS privilege, given.is_grantable
FROM pg_database AS d
CROSS JOIN aclexplode(d.datacl) AS given
LEFT JOIN pg_roles AS r ON r.oid = given.grantee
WHERE d.datname = :'database'
ORDER BY role, privilege;
