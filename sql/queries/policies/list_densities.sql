-- The room that a day's rows of each table take before they are columns: by the fullest of its newest days, so that holidays
-- do not count; null without chunks. And how many instruments there are.
SELECT
    wanted.table_name,
    (
        SELECT max(bytes)::bigint
        FROM (
            SELECT
                sum(pg_total_relation_size(newest.chunk) + coalesce(s.before_compression_total_bytes, 0))
                    / greatest(1, sum(extract(epoch FROM newest.length)) / 86400) AS bytes
            FROM (
                SELECT
                    format('%I.%I', c.chunk_schema, c.chunk_name)::regclass AS chunk, c.chunk_schema, c.chunk_name,
                    c.range_start, c.range_end - c.range_start AS length
                FROM timescaledb_information.chunks AS c
                WHERE format('%I.%I', c.hypertable_schema, c.hypertable_name)::regclass
                    = market.policy_relation(wanted.table_name)
                ORDER BY c.range_start DESC
                LIMIT 16
            ) AS newest
            LEFT JOIN chunk_columnstore_stats(market.policy_relation(wanted.table_name)) AS s
                USING (chunk_schema, chunk_name)
            GROUP BY date_trunc('day', newest.range_start, 'UTC')
        ) AS days
    ) AS bytes_a_day,
    (SELECT count(*) FROM market.instruments) AS instruments
FROM unnest(:'tables'::text[]) AS wanted (table_name);
