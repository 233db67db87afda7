-- The newest bucket of each strike, as the roll-up makes it, and the same moneyness followed over time by buckets.

-- Nobody writes strike candles meanwhile: what came after the table was filled would not be in it.
SELECT pg_advisory_xact_lock(hashtext('market.strike_candles'));

CREATE TABLE market.newest_strikes_5m (
    LIKE market.strike_candles_5m,
    PRIMARY KEY (instrument_id, expires_at, strike, contract),
    FOREIGN KEY (instrument_id) REFERENCES market.instruments ON DELETE CASCADE
) WITH (fillfactor = 50);
-- Each row is written again by each run: there is room for that on its page, and it is cleared by rows, not by a share of them.
ALTER TABLE market.newest_strikes_5m SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
COMMENT ON TABLE market.newest_strikes_5m IS 'Of each strike the row of market.strike_candles_5m in which its newest minute lies, written along with that minute.';

INSERT INTO market.newest_strikes_5m
SELECT b.*
FROM market.newest_strikes AS n
CROSS JOIN LATERAL (
    SELECT v.*
    FROM market.strike_candles_5m AS v
    WHERE v.instrument_id = n.instrument_id AND v.expires_at = n.expires_at AND v.strike = n.strike
        AND v.contract = n.contract AND v.time = time_bucket(INTERVAL '5 minutes', n.time)
) AS b;

CREATE INDEX strike_candles_5m_rank_idx ON market.strike_candles_5m (instrument_id, expires_at, rank, time);
CREATE INDEX strike_candles_15m_rank_idx ON market.strike_candles_15m (instrument_id, expires_at, rank, time);
CREATE INDEX strike_candles_1h_rank_idx ON market.strike_candles_1h (instrument_id, expires_at, rank, time);
CREATE INDEX strike_candles_1d_rank_idx ON market.strike_candles_1d (instrument_id, expires_at, rank, time);

-- Nothing calls it any more: sql/schema has one that takes expiries as well.
DROP FUNCTION IF EXISTS market.option_chain_at(integer, timestamptz[]);
