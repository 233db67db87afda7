-- What is built on aggregates, and cannot be led to those that take their place.
SELECT market.strange_dependents(:'aggregates'::text[]) AS dependent ORDER BY 1;
