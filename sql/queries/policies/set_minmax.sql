-- Of which columns each batch of the columnstore tells the least and the greatest value, from now on.
CALL market.set_minmax(:'table_name'::text, :'minmax'::text[]);
