-- Creates aggregates next to those in use, without data.
CALL market.create_beside(:'aggregates'::text[]);
