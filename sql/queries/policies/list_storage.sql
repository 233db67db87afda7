-- What each table takes up, and what the columnstore saves.
SELECT
    table_name, s.bytes, s.chunks, s.columnar_chunks, s.starts, s.ends, s.bytes_per_day, c.before_bytes, c.after_bytes, c.ratio
FROM market.storage AS s LEFT JOIN market.compression_stats AS c USING (table_name)
ORDER BY table_name;
