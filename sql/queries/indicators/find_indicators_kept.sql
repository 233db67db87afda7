-- From where on indicators are kept up: as far back as retention lets them stay, and wherever older ones are still stored.
SELECT least(
    :'at'::timestamptz - :'keep'::interval,
    (
        SELECT min(range_start) FROM timescaledb_information.chunks
        WHERE hypertable_schema = 'market' AND hypertable_name = 'indicator_values'
    )
) AS kept_from;
