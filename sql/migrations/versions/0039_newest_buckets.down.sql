DROP FUNCTION IF EXISTS market.expiry_metrics_at(integer, timestamptz[], timestamptz[]);
DROP FUNCTION IF EXISTS market.option_chain_at(integer, timestamptz[], timestamptz[]);
DROP FUNCTION IF EXISTS market.first_moment(timestamptz[]);
DROP FUNCTION IF EXISTS market.last_moment(timestamptz[]);
-- Under whatever names: a rebuild makes them again.
DO $$
DECLARE
    by_rank regclass;
BEGIN
    FOR by_rank IN
        SELECT i.indexrelid FROM market.rollups AS r JOIN pg_index AS i ON i.indrelid = market.policy_relation(r.relation)
        WHERE r.dataset = 'strike_candles' AND pg_get_indexdef(i.indexrelid) LIKE '%(instrument_id, expires_at, rank, "time")'
    LOOP
        EXECUTE format('DROP INDEX %s', by_rank);
    END LOOP;
END
$$;
DROP TABLE market.newest_strikes_5m;
