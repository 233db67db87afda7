CREATE OR REPLACE PROCEDURE market.create_beside(aggregates text[]) LANGUAGE plpgsql AS $$
DECLARE
    each record;
    own_index text;
BEGIN
    -- Retention, which takes these locks as well, comes before or sees that it must wait.
    PERFORM pg_advisory_xact_lock_shared(hashtext('market.horizons'));
    PERFORM pg_advisory_xact_lock(hashtext('market.' || dataset))
    FROM (SELECT DISTINCT r.dataset FROM market.rollups AS r WHERE r.relation = ANY (aggregates)) AS rebuilt;
    CALL market.drop_aggregates(aggregates, '_beside');
    FOR each IN SELECT * FROM market.rollups AS r WHERE r.relation = ANY (aggregates) ORDER BY r.level LOOP
        EXECUTE format(
            'CREATE MATERIALIZED VIEW market.%I WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS %s'
            ' WITH NO DATA',
            each.relation || '_beside',
            format(
                coalesce(each.merge, each.fold),
                format('market.%I', each.below || CASE WHEN each.below = ANY (aggregates) THEN '_beside' ELSE '' END)
            )
        );
        CALL market.copy_rights(each.relation, each.relation || '_beside');
        -- Indexes of the aggregate in use that TimescaleDB has not made of itself; under other names, as those are still in use.
        FOR own_index IN
            SELECT substring(pg_get_indexdef(indexrelid) FROM ' (USING .*)') FROM pg_index
            WHERE indrelid = market.policy_relation(each.relation)
            EXCEPT
            SELECT substring(pg_get_indexdef(indexrelid) FROM ' (USING .*)') FROM pg_index
            WHERE indrelid = market.policy_relation(each.relation || '_beside')
        LOOP
            EXECUTE format('CREATE INDEX ON market.%I %s', each.relation || '_beside', own_index);
        END LOOP;
        INSERT INTO market.rebuilds VALUES (each.relation, 'building')
        ON CONFLICT (aggregate) DO UPDATE SET state = 'building', copied = '{}';
    END LOOP;
END
$$;
COMMENT ON PROCEDURE market.create_beside IS 'Creates aggregates next to those in use, each on the new one below it where that is created too; without data.';
