-- The aggregates next to those in use: being built, or kept from before a rebuild.
SELECT
    d.relation AS aggregate,
    r.state,
    to_regclass(format('market.%I', d.relation || '_beside')) IS NOT NULL AS is_beside,
    to_regclass(format('market.%I', d.relation || '_before')) IS NOT NULL AS is_before
FROM market.rollups AS d
LEFT JOIN market.rebuilds AS r ON r.aggregate = d.relation
ORDER BY d.level;
