-- Some settings of the server as it runs; those that are sizes in bytes, and times in seconds. One that it does not know is absent.
SELECT
    name,
    CASE
        WHEN unit IN ('B', 'kB', '8kB', '16kB', '32kB', 'MB', 'GB')
            THEN (setting::numeric * pg_size_bytes(CASE WHEN unit ~ '^\d' THEN unit ELSE '1' || unit END))::bigint::text
        WHEN unit IN ('ms', 's', 'min') THEN (setting::numeric * extract(epoch FROM ('1' || unit)::interval))::float8::text
        ELSE setting
    END AS value,
    context = 'postmaster' AS needs_restart
FROM pg_settings
WHERE name = ANY (:'names'::text[])
ORDER BY name;
