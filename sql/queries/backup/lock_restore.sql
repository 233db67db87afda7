-- Whether this session may restore into a database; it keeps that right to its end.
SELECT pg_try_advisory_lock(hashtext('chandlery restore'), hashtext(:'database')) AS is_alone;
