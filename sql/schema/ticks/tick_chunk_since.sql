-- In PL/pgSQL, so that the catalogue's view is planned only where somebody asks.
CREATE OR REPLACE FUNCTION market.tick_chunk_since(moment timestamptz) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT chunk_creation_time FROM timescaledb_information.chunks
        WHERE hypertable_schema = 'market' AND hypertable_name = 'ticks' AND range_start <= moment AND range_end > moment
    );
END
$$;
COMMENT ON FUNCTION market.tick_chunk_since IS 'Since when the ticks of a moment have a chunk; null where they have none: retention drops them by the chunk.';
