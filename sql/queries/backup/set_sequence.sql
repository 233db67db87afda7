-- Lets a sequence go on with a number.
SELECT setval(:'sequence'::regclass, :'next_value'::bigint, false);
