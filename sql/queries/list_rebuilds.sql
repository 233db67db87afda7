-- The aggregates beside those in use: being built, or kept from before a rebuild.
SELECT
    d.aggregate,
    r.state,
    to_regclass(format('market.%I', d.aggregate || '_beside')) IS NOT NULL AS is_beside,
    to_regclass(format('market.%I', d.aggregate || '_before')) IS NOT NULL AS is_before
FROM market.derived_aggregates() AS d
LEFT JOIN market.rebuilds AS r USING (aggregate)
ORDER BY d.level;
