-- Turns every chunk of a table back into rows.
CALL market.remove_columnstore(:'table_name'::text);
