-- Sets how often a source has rows, and where the first beat begins in which one is expected: of the instrument :key, which
-- represents it. Rows of any instrument will do where :instrument is null.
WITH part AS (
    SELECT
        instrument_id, (SELECT instrument_id FROM market.instruments WHERE instrument_key = :'instrument') AS whole_id
    FROM market.instruments
    WHERE instrument_key = :'key'
), kept AS (
    INSERT INTO market.cadences AS known (instrument_id, dataset, source, whole_id, every, since)
    SELECT
        -- Hours, never days, which differ where clocks are changed.
        instrument_id, :'dataset', :'source', whole_id, make_interval(secs => extract(epoch FROM :'every'::interval)),
        :'since'::timestamptz
    FROM part
    ON CONFLICT (instrument_id) DO UPDATE SET every = excluded.every, since = excluded.since
)
INSERT INTO market.known_data AS known (dataset, instrument_id, data_from, live_since)
SELECT :'dataset', instrument_id, :'since'::timestamptz, :'since'::timestamptz FROM part
ON CONFLICT (dataset, instrument_id) DO UPDATE SET data_from = excluded.data_from, live_since = excluded.live_since;
