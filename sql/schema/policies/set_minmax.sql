CREATE OR REPLACE PROCEDURE market.set_minmax(table_name text, minmax text[]) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'ALTER %s market.%I SET (timescaledb.compress_index = %L)',
        CASE WHEN market.policy_relation(table_name) = format('market.%I', table_name)::regclass THEN 'TABLE' ELSE 'MATERIALIZED VIEW' END,
        table_name, (SELECT string_agg(format('minmax(%I)', name), ', ' ORDER BY place) FROM unnest(minmax) WITH ORDINALITY AS named (name, place))
    );
END
$$;
COMMENT ON PROCEDURE market.set_minmax IS 'The columns of which each batch stores the least and the greatest value from now on. Where any are named, TimescaleDB adds no indexes of its own to batches, such as Bloom filters; none at all would end the server at the next upsert (2.27 to 2.29).';
