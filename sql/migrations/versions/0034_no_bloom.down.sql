-- The sparse indexes that TimescaleDB adds where nobody says which.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM timescaledb_information.hypertable_columnstore_settings
        WHERE hypertable = 'market.ticks'::regclass AND orderby IS NOT NULL
    ) THEN
        ALTER TABLE market.ticks RESET (timescaledb.compress_index);
    END IF;
END
$$;
