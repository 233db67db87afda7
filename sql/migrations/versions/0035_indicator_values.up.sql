-- Values of indicators stand under a number in place of timeframe, name and parameters.

-- The historical processor waits here. Whoever reads goes on until all is carried over.
SELECT pg_advisory_xact_lock(hashtext('market.indicators'));
LOCK TABLE ONLY market.indicators IN SHARE ROW EXCLUSIVE MODE;

-- Plain views are led to the new one further down, by whoever logged in; nothing else that somebody built can be, and nothing of
-- others' is dropped.
DO $$
DECLARE
    strange text := (
        SELECT string_agg(DISTINCT found.name, ', ') FROM (
            SELECT format('continuous aggregate %I.%I', view_schema, view_name)
            FROM timescaledb_information.continuous_aggregates
            WHERE hypertable_schema = 'market' AND hypertable_name = 'indicators'
            UNION ALL
            SELECT format('trigger %I', tgname) FROM pg_trigger
            WHERE tgrelid = 'market.indicators'::regclass AND NOT tgisinternal AND tgname <> 'ts_insert_blocker'
            UNION ALL
            SELECT CASE
                WHEN d.classid = 'pg_proc'::regclass THEN format('function %s', d.objid::regprocedure)
                WHEN c.relkind = 'm' THEN format('materialized view %s', c.oid::regclass)
                WHEN c.relkind = 'v' AND NOT (
                    pg_has_role(session_user, c.relowner, 'USAGE') AND has_schema_privilege(session_user, c.relnamespace, 'CREATE')
                ) THEN format('view %s, which %s may not replace', c.oid::regclass, session_user)
            END
            FROM pg_depend AS d
            LEFT JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
            LEFT JOIN pg_class AS c ON c.oid = r.ev_class
            WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = 'market.indicators'::regclass
        ) AS found (name)
    );
BEGIN
    IF strange IS NOT NULL THEN
        RAISE EXCEPTION 'market.indicators becomes a view, and these are built on the table: %', strange
            USING HINT = 'Drop them, upgrade, and build them on the view, or on market.indicator_values.';
    END IF;
END
$$;

CREATE TABLE market.stored_indicators (
    indicator_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    timeframe text COLLATE "C" NOT NULL CHECK (timeframe IN ('1m', '5m', '15m', '30m', '1h', '4h', '1d', '1w', '1mo')),
    name text COLLATE "C" NOT NULL,
    parameters jsonb NOT NULL CHECK (jsonb_typeof(parameters) = 'object'),
    UNIQUE (timeframe, name, parameters)
);
COMMENT ON TABLE market.stored_indicators IS 'The number of each indicator that values were ever stored of. A row stays as long as there are any.';
COMMENT ON COLUMN market.stored_indicators.timeframe IS 'Of the candles it is computed of.';
COMMENT ON COLUMN market.stored_indicators.name IS 'TA-Lib''s name of the function, in lower case.';
COMMENT ON COLUMN market.stored_indicators.parameters IS 'All of TA-Lib''s parameters, its defaults included.';

CREATE TABLE market.indicator_values (
    instrument_id integer NOT NULL,
    indicator_id integer NOT NULL,
    time timestamptz NOT NULL,
    value double precision NOT NULL CHECK (value <> 'NaN'),
    value_2 double precision CHECK (value_2 <> 'NaN'),
    value_3 double precision CHECK (value_3 <> 'NaN'),
    made_from timestamptz NOT NULL,
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    -- A series of one indicator is one range of it. Numbers alone: an INSERT costs mostly what it takes to find their place.
    PRIMARY KEY (instrument_id, indicator_id, time)
);
SELECT create_hypertable('market.indicator_values', by_range('time', INTERVAL '28 days'), create_default_indexes => false);
ALTER TABLE market.indicator_values SET (
    timescaledb.enable_columnstore = true,
    timescaledb.segmentby = 'instrument_id, indicator_id',
    timescaledb.orderby = 'time'
);
COMMENT ON TABLE market.indicator_values IS 'Indicators over closed buckets of candles. Where there is no value yet there is no row. Read it by market.indicators.';
COMMENT ON COLUMN market.indicator_values.indicator_id IS 'Which of market.stored_indicators. No foreign key: it would cost a look at each row.';
COMMENT ON COLUMN market.indicator_values.time IS 'Start of the bucket whose candle is the last one in it, UTC.';
COMMENT ON COLUMN market.indicator_values.value IS 'TA-Lib''s first output; of macd: macd; of bbands: the upper band; of stoch: slowk.';
COMMENT ON COLUMN market.indicator_values.value_2 IS 'The second output; of macd: the signal; of bbands: the middle band; of stoch: slowd. Null where there is one.';
COMMENT ON COLUMN market.indicator_values.value_3 IS 'The third output; of macd: the histogram; of bbands: the lower band. Null where there are two.';
COMMENT ON COLUMN market.indicator_values.made_from IS 'Start of the first candle it was computed from: where its warm-up began; of a cumulative one its anchor.';
COMMENT ON COLUMN market.indicator_values.made_by IS 'Library and version.';
COMMENT ON COLUMN market.indicator_values.made_at IS 'Scheduled time of the run that wrote it.';

INSERT INTO market.stored_indicators (timeframe, name, parameters)
SELECT DISTINCT timeframe, name, parameters FROM market.indicators ORDER BY timeframe, name, parameters;

-- Into chunks of the same stretches; those that are columns become columns before the next is begun.
DO $$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT range_start, range_end, is_compressed FROM timescaledb_information.chunks
        WHERE hypertable_schema = 'market' AND hypertable_name = 'indicators'
        ORDER BY range_start
    LOOP
        PERFORM set_chunk_time_interval('market.indicator_values', item.range_end - item.range_start);
        INSERT INTO market.indicator_values
        SELECT v.instrument_id, i.indicator_id, v.time, v.value, v.value_2, v.value_3, v.made_from, v.made_by, v.made_at
        FROM market.indicators AS v
        JOIN market.stored_indicators AS i USING (timeframe, name, parameters)
        WHERE v.time >= item.range_start AND v.time < item.range_end
        ORDER BY v.instrument_id, i.indicator_id, v.time;
        IF item.is_compressed THEN
            PERFORM compress_chunk(chunk)
            FROM show_chunks('market.indicator_values', newer_than => item.range_start, older_than => item.range_end) AS chunk;
        END IF;
    END LOOP;
    PERFORM set_chunk_time_interval('market.indicator_values', d.time_interval) FROM timescaledb_information.dimensions AS d
    WHERE d.hypertable_schema = 'market' AND d.hypertable_name = 'indicators';
END
$$;

-- The view takes the table's name, and views over the table read the view: their text is the same, read again.
DO $$
DECLARE
    given CONSTANT text := current_setting('search_path');
    owner CONSTANT text := current_setting('role');
    definitions text[];
    definition text;
BEGIN
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);  -- names written out in full
    definitions := ARRAY(
        SELECT DISTINCT format(
            'CREATE OR REPLACE VIEW %s%s AS %s', c.oid::regclass, ' WITH (' || array_to_string(c.reloptions, ', ') || ')',
            pg_get_viewdef(c.oid)
        )
        FROM pg_depend AS d
        JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
        JOIN pg_class AS c ON c.oid = r.ev_class
        WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = 'market.indicators'::regclass
    );
    ALTER TABLE market.indicators RENAME TO indicators_with_names;
    CREATE VIEW market.indicators AS
    SELECT
        v.instrument_id, i.timeframe, i.name, i.parameters, v.time, v.value, v.value_2, v.value_3, v.made_from, v.made_by, v.made_at
    FROM market.indicator_values AS v
    JOIN market.stored_indicators AS i USING (indicator_id);
    PERFORM set_config('role', session_user, true);
    FOREACH definition IN ARRAY definitions LOOP
        EXECUTE definition;
    END LOOP;
    PERFORM set_config('role', owner, true);
    PERFORM set_config('search_path', given, true);
END
$$;

-- Rights: exactly those on the table; a view is only read.
DO $$
DECLARE
    relation text;
    item record;
BEGIN
    FOREACH relation IN ARRAY ARRAY['indicators', 'indicator_values', 'stored_indicators'] LOOP
        FOR item IN
            SELECT DISTINCT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS name
            FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS acl
            WHERE c.oid = format('market.%I', relation)::regclass AND acl.grantee <> c.relowner
        LOOP
            EXECUTE format('REVOKE ALL ON market.%I FROM %s', relation, item.name);
        END LOOP;
        FOR item IN
            SELECT
                acl.privilege_type, CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS name,
                CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS option
            FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS acl
            WHERE c.oid = 'market.indicators_with_names'::regclass AND acl.grantee <> c.relowner
                AND (relation <> 'indicators' OR acl.privilege_type = 'SELECT')
        LOOP
            EXECUTE format('GRANT %s ON market.%I TO %s%s', item.privilege_type, relation, item.name, item.option);
        END LOOP;
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
    PERFORM alter_job(j.job_id, config => jsonb_set(j.config, '{table_name}', '"indicator_values"'))
    FROM timescaledb_information.jobs AS j
    WHERE j.proc_schema = 'market' AND j.config ->> 'table_name' = 'indicators' AND pg_has_role(j.owner, 'USAGE');
    PERFORM set_config('role', owner, true);
END
$$;

-- What is known by the table's name.
UPDATE market.upkeep SET policy = regexp_replace(policy, ' indicators$', ' indicator_values') WHERE policy LIKE '% indicators';
UPDATE market.drops SET table_name = 'indicator_values' WHERE table_name = 'indicators';
UPDATE market.horizons SET table_name = 'indicator_values' WHERE table_name = 'indicators';
UPDATE market.imports SET table_name = 'indicator_values' WHERE table_name = 'indicators';
UPDATE market.releases SET table_name = 'indicator_values' WHERE table_name = 'indicators';
UPDATE market.retentions SET table_name = 'indicator_values' WHERE table_name = 'indicators';
-- To retention a chunk made this long after its time holds history. Where the operator let rows of the table go, those that came
-- in their time still go by the clock, however many healing adds.
INSERT INTO market.releases (table_name, starts, ends, rows, imports, released_at)
SELECT r.table_name, c.range_start, c.range_end, 9223372036854775807, 0, r.released_at
FROM market.retentions AS r
JOIN timescaledb_information.chunks AS c ON c.hypertable_schema = 'market' AND c.hypertable_name = r.table_name
WHERE r.table_name = 'indicator_values' AND NOT EXISTS (
    SELECT FROM timescaledb_information.chunks AS was
    WHERE was.hypertable_schema = 'market' AND was.hypertable_name = 'indicators_with_names'
        AND was.range_start < c.range_end AND c.range_start < was.range_end
        AND was.chunk_creation_time > was.range_end + INTERVAL '21 days'
)
ON CONFLICT (table_name, starts) DO NOTHING;

DROP TABLE market.indicators_with_names;
