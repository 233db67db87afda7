-- Those of some roles that the server does not have.
SELECT wanted FROM unnest(:'roles'::text[]) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = wanted)
ORDER BY wanted;
