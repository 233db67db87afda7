-- Whether the login sees rows of all users: a superuser does, and a role that may read everything.
SELECT to_regclass('market.users') IS NULL OR NOT row_security_active('market.users')
    OR pg_has_role('pg_read_all_data', 'USAGE') AS sees_all_rows;
