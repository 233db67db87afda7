-- Values of indicators stand under timeframe, name and parameters again.

-- The historical processor waits here, and whoever reads until the end. What somebody built on the view fails first.
SELECT pg_advisory_xact_lock(hashtext('market.indicator_values'));
LOCK TABLE ONLY market.indicator_values IN SHARE ROW EXCLUSIVE MODE;
CREATE TEMPORARY TABLE rights ON COMMIT DROP AS
SELECT DISTINCT
    acl.privilege_type, CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS name,
    CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS option
FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS acl
WHERE c.oid IN ('market.indicators'::regclass, 'market.indicator_values'::regclass) AND acl.grantee <> c.relowner;
DROP VIEW IF EXISTS market.indicators;

CREATE TABLE market.indicators (
    instrument_id integer NOT NULL,
    timeframe text COLLATE "C" NOT NULL CHECK (timeframe IN ('1m', '5m', '15m', '30m', '1h', '4h', '1d', '1w', '1mo')),
    name text COLLATE "C" NOT NULL,
    parameters jsonb NOT NULL CHECK (jsonb_typeof(parameters) = 'object'),
    time timestamptz NOT NULL,
    value double precision NOT NULL CHECK (value <> 'NaN'),
    value_2 double precision CHECK (value_2 <> 'NaN'),
    value_3 double precision CHECK (value_3 <> 'NaN'),
    made_from timestamptz NOT NULL,
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    -- A series of one indicator is one range of it.
    PRIMARY KEY (instrument_id, timeframe, name, parameters, time)
);
SELECT create_hypertable('market.indicators', by_range('time', INTERVAL '28 days'), create_default_indexes => false);
ALTER TABLE market.indicators SET (
    timescaledb.enable_columnstore = true,
    timescaledb.segmentby = 'instrument_id, timeframe, name, parameters',
    timescaledb.orderby = 'time'
);
COMMENT ON TABLE market.indicators IS 'Indicators over closed buckets of candles. Where there is no value yet there is no row.';
COMMENT ON COLUMN market.indicators.name IS 'TA-Lib''s name of the function, in lower case.';
COMMENT ON COLUMN market.indicators.parameters IS 'All of TA-Lib''s parameters, its defaults included.';
COMMENT ON COLUMN market.indicators.time IS 'Start of the bucket whose candle is the last one in it, UTC.';
COMMENT ON COLUMN market.indicators.value IS 'TA-Lib''s first output; of macd: macd; of bbands: the upper band; of stoch: slowk.';
COMMENT ON COLUMN market.indicators.value_2 IS 'The second output; of macd: the signal; of bbands: the middle band; of stoch: slowd. Null where there is one.';
COMMENT ON COLUMN market.indicators.value_3 IS 'The third output; of macd: the histogram; of bbands: the lower band. Null where there are two.';
COMMENT ON COLUMN market.indicators.made_from IS 'Start of the first candle it was computed from: where its warm-up began; of a cumulative one its anchor.';
COMMENT ON COLUMN market.indicators.made_by IS 'Library and version.';
COMMENT ON COLUMN market.indicators.made_at IS 'Scheduled time of the run that wrote it.';

-- Into chunks of the same stretches; those that are columns become columns before the next is begun.
DO $$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT range_start, range_end, is_compressed FROM timescaledb_information.chunks
        WHERE hypertable_schema = 'market' AND hypertable_name = 'indicator_values'
        ORDER BY range_start
    LOOP
        PERFORM set_chunk_time_interval('market.indicators', item.range_end - item.range_start);
        INSERT INTO market.indicators
        SELECT v.instrument_id, i.timeframe, i.name, i.parameters, v.time, v.value, v.value_2, v.value_3, v.made_from, v.made_by, v.made_at
        FROM market.indicator_values AS v
        JOIN market.stored_indicators AS i USING (indicator_id)
        WHERE v.time >= item.range_start AND v.time < item.range_end
        ORDER BY v.instrument_id, i.timeframe, i.name, i.parameters, v.time;
        IF item.is_compressed THEN
            PERFORM compress_chunk(chunk)
            FROM show_chunks('market.indicators', newer_than => item.range_start, older_than => item.range_end) AS chunk;
        END IF;
    END LOOP;
    PERFORM set_chunk_time_interval('market.indicators', d.time_interval) FROM timescaledb_information.dimensions AS d
    WHERE d.hypertable_schema = 'market' AND d.hypertable_name = 'indicator_values';
END
$$;

-- Rights: exactly those on the view and its table.
DO $$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT DISTINCT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS name
        FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS acl
        WHERE c.oid = 'market.indicators'::regclass AND acl.grantee <> c.relowner
    LOOP
        EXECUTE format('REVOKE ALL ON market.indicators FROM %s', item.name);
    END LOOP;
    FOR item IN SELECT * FROM rights LOOP
        EXECUTE format('GRANT %s ON market.indicators TO %s%s', item.privilege_type, item.name, item.option);
    END LOOP;
END
$$;

-- Its jobs, as far as whoever logged in may change them. The columnstore's goes with the table; policy maintenance adds what is not
-- there, and removes what is of no table.
DO $$
DECLARE
    owner CONSTANT text := current_setting('role');
BEGIN
    PERFORM set_config('role', session_user, true);
    PERFORM alter_job(j.job_id, config => jsonb_set(j.config, '{table_name}', '"indicators"'))
    FROM timescaledb_information.jobs AS j
    WHERE j.proc_schema = 'market' AND j.config ->> 'table_name' = 'indicator_values' AND pg_has_role(j.owner, 'USAGE');
    PERFORM set_config('role', owner, true);
END
$$;

-- What is known by the table's name.
UPDATE market.upkeep SET policy = regexp_replace(policy, ' indicator_values$', ' indicators') WHERE policy LIKE '% indicator_values';
UPDATE market.drops SET table_name = 'indicators' WHERE table_name = 'indicator_values';
UPDATE market.horizons SET table_name = 'indicators' WHERE table_name = 'indicator_values';
UPDATE market.imports SET table_name = 'indicators' WHERE table_name = 'indicator_values';
UPDATE market.releases SET table_name = 'indicators' WHERE table_name = 'indicator_values';
UPDATE market.retentions SET table_name = 'indicators' WHERE table_name = 'indicator_values';
-- To retention a chunk made this long after its time holds history. Where the operator let rows of the table go, those that came
-- in their time still go by the clock, however many healing adds.
INSERT INTO market.releases (table_name, starts, ends, rows, imports, released_at)
SELECT r.table_name, c.range_start, c.range_end, 9223372036854775807, 0, r.released_at
FROM market.retentions AS r
JOIN timescaledb_information.chunks AS c ON c.hypertable_schema = 'market' AND c.hypertable_name = r.table_name
WHERE r.table_name = 'indicators' AND NOT EXISTS (
    SELECT FROM timescaledb_information.chunks AS was
    WHERE was.hypertable_schema = 'market' AND was.hypertable_name = 'indicator_values'
        AND was.range_start < c.range_end AND c.range_start < was.range_end
        AND was.chunk_creation_time > was.range_end + INTERVAL '21 days'
)
ON CONFLICT (table_name, starts) DO NOTHING;

DROP TABLE market.indicator_values;
DROP TABLE market.stored_indicators;
