CREATE OR REPLACE PROCEDURE market.swap_aggregates(aggregates text[], instead text, away text) LANGUAGE plpgsql AS $$
DECLARE
    views oid[] := ARRAY(SELECT market.plain_views_over(aggregates));
    definitions text[];
    item record;
BEGIN
    CALL market.delete_aggregate_jobs(aggregates);
    -- From above, as a reader locks them: those that read already are waited for, and no two wait for each other.
    FOR item IN SELECT c.oid::regclass AS view, c.relowner::regrole AS owner FROM pg_class AS c WHERE c.oid = ANY (views) LOOP
        EXECUTE format('ALTER VIEW %s OWNER TO %s', item.view, item.owner);
    END LOOP;
    definitions := ARRAY(SELECT market.view_definition(view) FROM unnest(views) AS view);
    FOR item IN SELECT r.relation FROM market.rollups AS r WHERE r.relation = ANY (aggregates) ORDER BY r.level DESC LOOP
        CALL market.copy_rights(item.relation, item.relation || instead);
        EXECUTE format('ALTER MATERIALIZED VIEW market.%I RENAME TO %I', item.relation, item.relation || away);
        EXECUTE format('ALTER MATERIALIZED VIEW market.%I RENAME TO %I', item.relation || instead, item.relation);
    END LOOP;
    -- The same text, read again, finds the new ones under the names.
    FOR item IN SELECT unnest(definitions) AS definition LOOP
        EXECUTE item.definition;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE market.swap_aggregates IS 'Gives the aggregates of one suffix the names in use, and those in use another suffix; their jobs go, and views over them are led to the new ones.';
