-- The aggregates, each with the hypertable it is materialized in, by schema and name, its columns, and the one that names a
-- bucket; none of a data set of which retention never dropped a row: then all of its buckets can be made again.
SELECT
    d.relation AS name, parse_ident(market.policy_relation(d.relation)::text) AS relation,
    market.shared_columns(market.policy_relation(d.relation), format('market.%I', d.relation)::regclass) AS columns,
    d.bucket, d.width
FROM market.rollups AS d
WHERE market.dropped(d.dataset) <> '{}'
ORDER BY d.level, d.relation;
