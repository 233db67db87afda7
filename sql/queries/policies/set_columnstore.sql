-- How chunks become columns from now on.
CALL market.set_columnstore(:'table_name'::text, :'segment_by'::text, :'order_by'::text);
