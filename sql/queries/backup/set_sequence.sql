-- Lets a sequence continue with a number.
SELECT setval(:'sequence'::regclass, :'next_value'::bigint, false);
