-- The columns of which each batch of the columnstore stores the least and the greatest value, from now on.
CALL market.set_minmax(:'table_name'::text, :'minmax'::text[]);
