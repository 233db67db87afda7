-- By way of a function, as market.kept_tables.
CREATE OR REPLACE VIEW market.compression_stats AS
SELECT table_name COLLATE "C" AS table_name, chunks, columnar_chunks, before_bytes, after_bytes, ratio
FROM market.list_compression();
COMMENT ON VIEW market.compression_stats IS 'What the columnstore saves: bytes of the chunks in it, before and after.';
