-- Up to where the aggregate is materialized that is furthest along; null where none is.
SELECT max(market.materialized_up_to(relation)) AS materialized_to FROM market.rollups;
