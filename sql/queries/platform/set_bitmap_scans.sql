-- For the rest of the transaction. TimescaleDB (before 2.25) turns what an UPDATE or DELETE touches back from columns into rows while
-- it runs, and a bitmap scan misses those rows: it looks the pages up before.
SELECT set_config('enable_bitmapscan', :'setting', true);
