-- Drops the chunks that lie wholly before a moment, as far as nothing needs them; says what it waits for.
SELECT dropped, waits FROM market.drop_before(:'table_name', :'horizon'::timestamptz);
