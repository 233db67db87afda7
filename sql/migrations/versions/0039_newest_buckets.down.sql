DROP FUNCTION IF EXISTS market.expiry_metrics_at(integer, timestamptz[], timestamptz[]);
DROP FUNCTION IF EXISTS market.option_chain_at(integer, timestamptz[], timestamptz[]);
DROP FUNCTION IF EXISTS market.first_moment(timestamptz[]);
DROP FUNCTION IF EXISTS market.last_moment(timestamptz[]);
-- Under whatever names, those that a rebuild made or left behind as well: their names are to be free.
DO $$
DECLARE
    by_rank regclass;
BEGIN
    FOR by_rank IN
        SELECT i.indexrelid
        FROM timescaledb_information.continuous_aggregates AS a
        JOIN pg_index AS i
            ON i.indrelid = format('%I.%I', a.materialization_hypertable_schema, a.materialization_hypertable_name)::regclass
        WHERE a.view_schema = 'market' AND starts_with(a.view_name, 'strike_candles_')
            AND pg_get_indexdef(i.indexrelid) LIKE '%(instrument_id, expires_at, rank, "time")'
    LOOP
        EXECUTE format('DROP INDEX %s', by_rank);
    END LOOP;
END
$$;
DROP TABLE market.newest_strikes_5m;
