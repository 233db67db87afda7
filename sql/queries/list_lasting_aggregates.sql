-- The aggregates, each with the hypertable it is materialized in, by schema and name, its columns, and the one that names a
-- bucket; none where retention never dropped a minute: then all of their candles can be made again.
SELECT
    d.aggregate AS name, parse_ident(market.policy_relation(d.aggregate)::text) AS relation,
    market.shared_columns(market.policy_relation(d.aggregate), format('market.%I', d.aggregate)::regclass) AS columns,
    CASE d.aggregate WHEN 'candles_1d_parts' THEN 'day' ELSE 'time' END AS bucket, d.width
FROM market.derived_aggregates() AS d
WHERE market.dropped('candles') <> '{}'
ORDER BY d.level, d.aggregate;
