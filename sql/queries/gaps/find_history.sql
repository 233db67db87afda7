-- Where a component's look through older times begins and continues: the first minute any instrument is expected to have, as far
-- back as candles are kept, or where what retention dropped ends, even if some of it is imported again; and where its last run
-- stopped, if it ran out of time.
SELECT
    coalesce(
        (
            SELECT upper(stretch) FROM unnest(market.dropped(:'dataset')) AS stretch
            WHERE stretch @> known.starts
        ),
        known.starts
    ) AS starts,
    (SELECT resume_at FROM market.scans WHERE dataset = :'dataset' AND component = :'component') AS resume_at
FROM (
    SELECT greatest(
        coalesce(
            (SELECT min(data_from) FROM market.known_data WHERE dataset = :'dataset'),
            (SELECT min(coalesce(listed_at, data_from)) FROM market.instruments)
        ),
        (
            SELECT min(range_start) FROM timescaledb_information.chunks
            WHERE hypertable_schema = 'market' AND hypertable_name = :'dataset'
        )
    ) AS starts
) AS known;
