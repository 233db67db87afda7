-- Ticks that become columns from now on have no sparse index but those of their order. Before, TimescaleDB 2.29, unlike 2.23, added
-- a Bloom filter over (time, seq) of its own accord. Chunks that are columns already stay as they are.
DO $$
DECLARE
    kept record;
BEGIN
    FOR kept IN
        SELECT segmentby, orderby FROM timescaledb_information.hypertable_columnstore_settings
        WHERE hypertable = 'market.ticks'::regclass AND orderby IS NOT NULL
    LOOP
        EXECUTE format(
            'ALTER TABLE market.ticks SET (timescaledb.compress, timescaledb.compress_segmentby = %L,'
            ' timescaledb.compress_orderby = %L, timescaledb.compress_index = '''')',
            kept.segmentby, kept.orderby
        );
    END LOOP;
END
$$;
