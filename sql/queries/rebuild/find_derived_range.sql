-- From where to where an aggregate, or the one in its place, may hold anything, by the edges of chunks; rows included,
-- which are folded when read.
SELECT min(range_start) AS starts, max(range_end) AS ends
FROM timescaledb_information.chunks
WHERE format('%I.%I', hypertable_schema, hypertable_name)::regclass IN (
    (SELECT format('market.%I', dataset)::regclass FROM market.rollups WHERE relation = :'one'::text),
    market.policy_relation(:'one'::text), market.policy_relation(:'other'::text)
);
