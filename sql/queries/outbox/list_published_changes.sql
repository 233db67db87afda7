-- What was published after a cursor, of :dataset or of all, in the order in which changes were committed; of some :keys those that name
-- one of them, and those of more instruments than they name, among which these may be.
SELECT cursor, published_at, dataset, kinds, timeframes, starts, ends, instrument_count, instruments
FROM market.changes
WHERE cursor > :'after'::bigint AND (:'dataset'::text IS NULL OR dataset = :'dataset'::text)
    AND (
        cardinality(:'keys'::text[]) = 0 OR instruments && :'keys'::text[]
        OR instrument_count IS DISTINCT FROM cardinality(instruments)
    )
ORDER BY cursor
LIMIT :'most'::bigint;
