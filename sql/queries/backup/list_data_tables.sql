-- The tables that a backup of data alone holds, in the order in which they can be filled: what others refer to comes first,
-- and what triggers write comes last. Generated columns are made again; the rows of rebuilds describe aggregates that are not
-- there, those of rollups come with migrations. A sequence that the login may not read has no next value.
WITH RECURSIVE ours AS (
    SELECT oid, relname::text AS name FROM pg_class
    WHERE relnamespace = 'market'::regnamespace AND relkind IN ('r', 'p') AND relname NOT IN ('schema_revision', 'rebuilds', 'rollups')
), referring (oid, depth) AS (
    SELECT oid, 0 FROM ours
    UNION
    SELECT c.conrelid, r.depth + 1 FROM referring AS r JOIN pg_constraint AS c ON c.contype = 'f' AND c.confrelid = r.oid
    WHERE c.conrelid <> r.oid
)
SELECT o.name, a.columns, s.sequence, s.next_value
FROM ours AS o
CROSS JOIN LATERAL (
    SELECT array_agg(attname::text ORDER BY attnum) AS columns FROM pg_attribute
    WHERE attrelid = o.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
) AS a
LEFT JOIN LATERAL (
    SELECT sequence.name AS sequence,
        CASE WHEN has_sequence_privilege(sequence.name, 'SELECT') THEN coalesce(q.last_value + 1, q.start_value) END AS next_value
    FROM pg_attribute AS i
    CROSS JOIN LATERAL pg_get_serial_sequence(format('market.%I', o.name), i.attname) AS sequence (name)
    JOIN pg_sequences AS q ON format('%I.%I', q.schemaname, q.sequencename) = sequence.name
    WHERE i.attrelid = o.oid AND i.attidentity <> ''
) AS s ON true
ORDER BY
    array_position(ARRAY['judged', 'dirty', 'alert_minutes', 'marks', 'hour_versions', 'unpublished_changes'], o.name) NULLS FIRST,
    EXISTS (
        SELECT FROM timescaledb_information.hypertables WHERE hypertable_schema = 'market' AND hypertable_name = o.name
    ),
    (SELECT max(r.depth) FROM referring AS r WHERE r.oid = o.oid),
    o.name;
