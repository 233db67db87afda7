-- How strike candles are written, in running order, in one transaction that holds the lock of `lock_writers`. A chain is what
-- belongs together in a minute: the contracts of one expiry of an underlying, twins that a split made apart. As in psql
-- -v key='instrument_id, …' -v content='expiry, …' -v said='i.expiry, …' -v stored='s.expiry, …' -v given='EXCLUDED.expiry, …':
-- the columns of market.strike_candles, but for those that describe the writing.

-- step: create_touched_contracts
-- Whose quotes, trades or open interest changed, or of an underlying whose candle; from any of the finders.
CREATE TEMPORARY TABLE touched_contracts (
    instrument_id integer NOT NULL,
    time timestamptz NOT NULL,
    spreads boolean NOT NULL,  -- what is based on it in later minutes must be made again as well
    removed boolean NOT NULL   -- rows were changed or deleted, maybe a publication of open interest
) ON COMMIT DROP;

-- step: create_touched_chains
-- The chains that are made again, minute by minute, numbered from 1.
CREATE TEMPORARY TABLE touched_chains (
    chain integer GENERATED ALWAYS AS IDENTITY,
    underlying_id integer NOT NULL,
    expires_at timestamptz NOT NULL,
    contract text NOT NULL,
    time timestamptz NOT NULL,
    spreads boolean NOT NULL,
    underlying_close numeric
) ON COMMIT DROP;

-- step: create_contract_values
-- What is computed: of each contract by its place, of each strike by its rung, of each chain. Empty where there is nothing to
-- compute from.
CREATE TEMPORARY TABLE contract_values (
    place bigint NOT NULL, status text NOT NULL, iv double precision, delta double precision, gamma double precision,
    theta double precision, vega double precision
) ON COMMIT DROP;

-- step: create_rung_values
-- Of strikes whose chain has a forward.
CREATE TEMPORARY TABLE rung_values (
    rung bigint NOT NULL, rank integer NOT NULL, moneyness double precision NOT NULL
) ON COMMIT DROP;

-- step: create_chain_values
-- Of chains that have one.
CREATE TEMPORARY TABLE chain_values (chain bigint NOT NULL, forward double precision NOT NULL) ON COMMIT DROP;

-- step: create_incoming_strikes
-- Strike candles on their way into market.strike_candles.
CREATE TEMPORARY TABLE incoming_strikes (LIKE market.strike_candles) ON COMMIT DROP;

-- step: take_marks
-- Takes the marks of a window: they go in the same transaction as their candles are written. A mark below 0 comes of
-- mark_following, and spreads no further. What retention has dropped is no longer known: the candles of those minutes stay.
WITH taken AS (
    DELETE FROM market.dirty
    WHERE dataset = :'dataset' AND bucket >= :'starts'::timestamptz AND bucket < :'ends'::timestamptz
    RETURNING bucket, instrument_ids, ticks
)
INSERT INTO touched_contracts (instrument_id, time, spreads, removed)
SELECT marked.instrument_id, taken.bucket, bool_or(marked.ticks >= 0), bool_or(marked.ticks = 0)
FROM taken
CROSS JOIN unnest(taken.instrument_ids, taken.ticks) AS marked (instrument_id, ticks)
WHERE NOT (
    SELECT market.dropped('option_quotes') + market.dropped('candles') + market.dropped('strike_candles')
) && tstzrange(taken.bucket - INTERVAL '14 minutes', taken.bucket + INTERVAL '1 minute')
GROUP BY marked.instrument_id, taken.bucket;

-- step: list_chains
-- The chains of touched contracts; of an underlying, those that have a candle in the minute.
INSERT INTO touched_chains (underlying_id, expires_at, contract, time, spreads)
SELECT underlying_id, expires_at, contract, time, bool_or(spreads)
FROM (
    SELECT c.underlying_id, c.expires_at, c.contract, t.time, t.spreads
    FROM touched_contracts AS t
    JOIN market.option_contracts AS c USING (instrument_id)
    UNION ALL
    SELECT s.instrument_id, s.expires_at, s.contract, s.time, t.spreads
    FROM touched_contracts AS t
    JOIN market.strike_candles AS s ON s.instrument_id = t.instrument_id AND s.time = t.time
    WHERE s.time >= :'starts'::timestamptz AND s.time < :'ends'::timestamptz
) AS touched
GROUP BY underlying_id, expires_at, contract, time;


-- step: analyze_chains
-- So that the planner knows how many there are: here and below.
ANALYZE touched_chains;

-- step: mark_following
-- Marks what was written already and is based on what has changed: of a chain the candles of the next quarter of an hour, in which
-- a quote or a close of the underlying may still be valid, and of a contract those that carry its open interest.
WITH later AS (
    SELECT DISTINCT s.instrument_id, s.expires_at, s.contract, s.time
    FROM market.strike_candles AS s
    JOIN touched_chains AS t
        ON t.underlying_id = s.instrument_id AND t.expires_at = s.expires_at AND t.contract = s.contract
        AND s.time > t.time AND s.time < t.time + INTERVAL '15 minutes'
    WHERE t.spreads
        AND s.time > :'starts'::timestamptz AND s.time < :'ends'::timestamptz + INTERVAL '14 minutes'
), published AS MATERIALIZED (
    SELECT c.*, t.time, t.removed, o.time IS NOT NULL AS is_published
    FROM touched_contracts AS t
    JOIN market.option_contracts AS c USING (instrument_id)
    LEFT JOIN LATERAL (
        SELECT o.time
        FROM market.open_interest AS o
        WHERE o.instrument_id = t.instrument_id AND o.time >= t.time AND o.time < t.time + INTERVAL '1 minute'
            AND o.time >= :'starts'::timestamptz AND o.time < :'ends'::timestamptz
        LIMIT 1
    ) AS o ON true
    WHERE t.spreads AND (t.removed OR o.time IS NOT NULL)
), carrying AS (
    SELECT p.instrument_id, s.time
    FROM published AS p
    CROSS JOIN LATERAL (
        SELECT s.time, CASE p.side WHEN 'call' THEN s.call_oi_time ELSE s.put_oi_time END AS oi_time
        FROM market.strike_candles AS s
        WHERE s.instrument_id = p.underlying_id AND s.expires_at = p.expires_at AND s.strike = p.strike
            AND s.contract = p.contract AND s.time > p.time AND s.time < p.time + INTERVAL '7 days 1 minute'
            AND s.time > :'starts'::timestamptz AND s.time < :'ends'::timestamptz + INTERVAL '7 days'
    ) AS s
    WHERE CASE WHEN p.is_published THEN (s.oi_time >= p.time + INTERVAL '1 minute') IS NOT TRUE
        ELSE s.oi_time >= p.time AND s.oi_time < p.time + INTERVAL '1 minute' END
), marked AS (
    SELECT l.time, first_of.instrument_id
    FROM later AS l
    CROSS JOIN LATERAL (
        SELECT c.instrument_id
        FROM market.option_contracts AS c
        WHERE c.underlying_id = l.instrument_id AND c.expires_at = l.expires_at AND c.contract = l.contract
        LIMIT 1
    ) AS first_of
    WHERE NOT EXISTS (
        SELECT FROM touched_chains AS t
        WHERE t.underlying_id = l.instrument_id AND t.expires_at = l.expires_at AND t.contract = l.contract AND t.time = l.time
    )
    UNION
    SELECT time, instrument_id FROM carrying
)
INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
SELECT :'dataset', time, array_agg(instrument_id), array_agg(-1) FROM marked GROUP BY time;

-- step: close_underlyings
-- The last close of each underlying in the quarter of an hour up to a minute's end.
UPDATE touched_chains AS t
SET underlying_close = closed.close
FROM (
    SELECT each.underlying_id, each.time, candle.close
    FROM (SELECT DISTINCT underlying_id, time FROM touched_chains) AS each
    CROSS JOIN LATERAL (
        SELECT c.close
        FROM market.candles AS c
        WHERE c.instrument_id = each.underlying_id
            AND c.time > each.time - INTERVAL '15 minutes' AND c.time <= each.time
            -- Said again as constants, so that chunks are excluded while planning: here and below.
            AND c.time > :'starts'::timestamptz - INTERVAL '15 minutes' AND c.time < :'ends'::timestamptz
        ORDER BY c.time DESC
        LIMIT 1
    ) AS candle
) AS closed
WHERE closed.underlying_id = t.underlying_id AND closed.time = t.time;

-- step: collect_states
-- What is known of each contract of the chains at a minute's end: the quote that is valid, the trades, the open interest.
-- Of the minute's quotes the last valid one; without any, the last one of the quarter of an hour, valid or not. One probe each,
-- through the primary keys.
CREATE TEMPORARY TABLE strike_states ON COMMIT DROP AS
SELECT
    row_number() OVER by_strike AS place, dense_rank() OVER (ORDER BY t.chain, c.strike) AS rung, t.chain, t.time,
    c.strike, c.side, c.model, c.currency, c.expiry,
    stands.time AS quoted_at, stands.seq, stands.bid, stands.ask, stands.valid,
    CASE WHEN stands.valid THEN (stands.bid + stands.ask) / 2 END AS mid,
    stands.iv, stands.delta, stands.gamma, stands.theta, stands.vega, stands.underlying,
    traded.open, traded.high, traded.low, traded.close, coalesce(traded.volume, 0) AS volume,
    CASE WHEN traded.is_now THEN traded.trades ELSE 0 END AS trades,
    CASE
        WHEN t.time >= t.expires_at THEN 'expired' WHEN stands.time IS NULL AND traded.time IS NULL THEN 'stale' ELSE 'no_quote'
    END AS status,
    CASE WHEN told.is_newer THEN stands.open_interest ELSE published.open_interest END AS oi,
    CASE WHEN told.is_newer THEN told.oi_time ELSE published.time END AS oi_time,
    coalesce(latest.time >= t.time OR traded.is_now OR published.time >= t.time, false) AS happened
FROM touched_chains AS t
JOIN market.option_contracts AS c
    ON c.underlying_id = t.underlying_id AND c.expires_at = t.expires_at AND c.contract = t.contract
JOIN market.instruments AS n ON n.instrument_id = c.instrument_id AND (n.listed_at >= t.time + INTERVAL '1 minute') IS NOT TRUE
LEFT JOIN LATERAL (
    SELECT q.*, q.bid > 0 AND q.ask >= q.bid AS valid
    FROM market.option_quotes AS q
    WHERE q.instrument_id = c.instrument_id AND NOT q.cancelled
        AND q.time >= t.time - INTERVAL '14 minutes' AND q.time < t.time + INTERVAL '1 minute'
        AND q.time >= :'starts'::timestamptz - INTERVAL '14 minutes' AND q.time < :'ends'::timestamptz
    ORDER BY q.time DESC, q.seq DESC
    LIMIT 1
) AS latest ON true
LEFT JOIN LATERAL (
    SELECT q.*, true AS valid
    FROM market.option_quotes AS q
    WHERE latest.valid IS NOT TRUE AND latest.time >= t.time AND q.instrument_id = c.instrument_id AND NOT q.cancelled
        AND q.bid > 0 AND q.ask >= q.bid
        AND q.time >= t.time AND q.time < t.time + INTERVAL '1 minute'
        AND q.time >= :'starts'::timestamptz AND q.time < :'ends'::timestamptz
    ORDER BY q.time DESC, q.seq DESC
    LIMIT 1
) AS earlier ON true
CROSS JOIN LATERAL (
    SELECT earlier.* WHERE earlier.valid UNION ALL SELECT latest.* WHERE earlier.valid IS NOT TRUE
) AS stands
LEFT JOIN LATERAL (
    SELECT
        k.time, k.time = t.time AS is_now, k.trades,
        CASE WHEN k.time = t.time THEN k.open END AS open, CASE WHEN k.time = t.time THEN k.high END AS high,
        CASE WHEN k.time = t.time THEN k.low END AS low, CASE WHEN k.time = t.time THEN k.close END AS close,
        CASE WHEN k.time = t.time THEN k.volume END AS volume
    FROM market.candles AS k
    WHERE k.instrument_id = c.instrument_id AND k.time > t.time - INTERVAL '15 minutes' AND k.time <= t.time
        AND k.time > :'starts'::timestamptz - INTERVAL '15 minutes' AND k.time < :'ends'::timestamptz
    ORDER BY k.time DESC
    LIMIT 1
) AS traded ON true
LEFT JOIN LATERAL (
    SELECT o.time, o.open_interest
    FROM market.open_interest AS o
    WHERE o.instrument_id = c.instrument_id
        AND o.time >= t.time - INTERVAL '7 days' AND o.time < t.time + INTERVAL '1 minute'
        AND o.time >= :'starts'::timestamptz - INTERVAL '7 days' AND o.time < :'ends'::timestamptz
    ORDER BY o.time DESC
    LIMIT 1
) AS published ON true
CROSS JOIN LATERAL (SELECT coalesce(stands.oi_time, stands.time) AS oi_time) AS stated
CROSS JOIN LATERAL (
    SELECT stated.oi_time, stands.open_interest IS NOT NULL AND (stated.oi_time > published.time) IS NOT FALSE AS is_newer
) AS told
WINDOW by_strike AS (ORDER BY t.chain, c.strike, c.side);


-- step: analyze_states
-- As with the chains.
ANALYZE strike_states;

-- step: hear_underlyings
-- Where an underlying has no close of its own: what the newest of the chain's quotes says about it.
UPDATE touched_chains AS t
SET underlying_close = (
    SELECT s.underlying
    FROM strike_states AS s
    WHERE s.chain = t.chain AND s.underlying IS NOT NULL
    ORDER BY s.quoted_at DESC, s.seq DESC, s.place
    LIMIT 1
)
WHERE underlying_close IS NULL;

-- step: has_values
-- Whether there is anything to compute from: a price, or a forward.
SELECT
    EXISTS (SELECT FROM strike_states WHERE coalesce(mid, close) IS NOT NULL)
    OR EXISTS (SELECT FROM touched_chains WHERE underlying_close IS NOT NULL) AS has_values;

-- step: list_states
-- The same as arrays, in the order of their places; NaN is unknown. A contract has its price from the middle, else from the close.
SELECT
    array_agg(chain::bigint ORDER BY place) AS chain,
    array_agg(rung ORDER BY place) AS rung,
    array_agg(strike::double precision ORDER BY place) AS strike,
    array_agg((side = 'call')::integer::bigint ORDER BY place) AS is_call,
    array_agg((model = 'black_scholes_merton')::integer::bigint ORDER BY place) AS holds_spot,
    array_agg(coalesce(mid, 'NaN')::double precision ORDER BY place) AS mid,
    array_agg(coalesce(mid, close, 'NaN')::double precision ORDER BY place) AS price
FROM strike_states;

-- step: list_chain_terms
-- Of each chain, in order: its years to expiry, by 365 days, the underlying's close, and the rates last published by then, 0 where
-- none are.
SELECT
    extract(epoch FROM t.expires_at - t.time)::double precision / (365 * 86400) AS years,
    coalesce(t.underlying_close, 'NaN')::double precision AS spot,
    coalesce(rates.days, '{0}') AS days, coalesce(rates.rates, '{0}') AS rates
FROM touched_chains AS t
LEFT JOIN LATERAL (
    SELECT
        array_agg(r.days::double precision ORDER BY r.days) AS days, array_agg(r.rate::double precision ORDER BY r.days) AS rates
    FROM market.rates AS r
    WHERE r.currency = (SELECT min(s.currency) FROM strike_states AS s WHERE s.chain = t.chain)
        AND r.time = (SELECT max(k.time) FROM market.rates AS k WHERE k.currency = r.currency AND k.time <= t.time)
) AS rates ON true
ORDER BY t.chain;

-- step: fill_contract_values
-- What was computed of contracts, in the order of their places; NaN is unknown.
INSERT INTO contract_values (place, status, iv, delta, gamma, theta, vega)
SELECT
    v.place, (:'statuses'::text[])[v.status], nullif(v.iv, 'NaN'), nullif(v.delta, 'NaN'), nullif(v.gamma, 'NaN'),
    nullif(v.theta, 'NaN'), nullif(v.vega, 'NaN')
FROM unnest(
    :'status'::bigint[], :'iv'::double precision[], :'delta'::double precision[], :'gamma'::double precision[],
    :'theta'::double precision[], :'vega'::double precision[]
) WITH ORDINALITY AS v (status, iv, delta, gamma, theta, vega, place);

-- step: fill_rung_values
-- The places of strikes on their ladders, in the order of their rungs, where the forward is known.
INSERT INTO rung_values (rung, rank, moneyness)
SELECT rung, rank, moneyness
FROM unnest(:'rank'::bigint[], :'moneyness'::double precision[]) WITH ORDINALITY AS v (rank, moneyness, rung)
WHERE moneyness <> 'NaN';

-- step: fill_chain_values
-- The forwards that are known, in the order of their chains.
INSERT INTO chain_values (chain, forward)
SELECT chain, forward FROM unnest(:'forward'::double precision[]) WITH ORDINALITY AS v (forward, chain) WHERE forward <> 'NaN';

-- step: collect_strikes
-- Puts both sides of each strike of which something was reported in its minute into a row. A side that is not listed is empty.
INSERT INTO incoming_strikes (
    instrument_id, expires_at, strike, contract, time, expiry,
    call_open, call_high, call_low, call_close, call_volume, call_trades, call_bid, call_ask, call_mid, call_quoted_at, call_oi, call_oi_time,
    call_iv_status, call_iv, call_delta, call_gamma, call_theta, call_vega,
    call_vendor_iv, call_vendor_delta, call_vendor_gamma, call_vendor_theta, call_vendor_vega,
    put_open, put_high, put_low, put_close, put_volume, put_trades, put_bid, put_ask, put_mid, put_quoted_at, put_oi, put_oi_time,
    put_iv_status, put_iv, put_delta, put_gamma, put_theta, put_vega,
    put_vendor_iv, put_vendor_delta, put_vendor_gamma, put_vendor_theta, put_vendor_vega,
    underlying_close, forward, rank, moneyness, source, version, revision, updated_at
)
SELECT
    t.underlying_id, t.expires_at, told.strike, t.contract, t.time, told.expiry,
    c.open, c.high, c.low, c.close, c.volume, c.trades, c.bid, c.ask, c.mid, c.quoted_at, c.oi, c.oi_time,
    coalesce(nullif(cv.status, 'no_quote'), c.status), cv.iv, cv.delta, cv.gamma, cv.theta, cv.vega,
    c.iv, c.delta, c.gamma, c.theta, c.vega,
    p.open, p.high, p.low, p.close, p.volume, p.trades, p.bid, p.ask, p.mid, p.quoted_at, p.oi, p.oi_time,
    coalesce(nullif(pv.status, 'no_quote'), p.status), pv.iv, pv.delta, pv.gamma, pv.theta, pv.vega,
    p.iv, p.delta, p.gamma, p.theta, p.vega,
    t.underlying_close, f.forward, r.rank, r.moneyness, :'source'::market.candle_source,
    CASE :'source' WHEN 'live_aggregated' THEN extract(epoch FROM t.time) * 1000 ELSE 1 END, 0, now()
FROM (
    SELECT rung, chain, strike, min(expiry) AS expiry FROM strike_states GROUP BY rung, chain, strike HAVING bool_or(happened)
) AS told
JOIN touched_chains AS t USING (chain)
LEFT JOIN strike_states AS c ON c.rung = told.rung AND c.side = 'call'
LEFT JOIN strike_states AS p ON p.rung = told.rung AND p.side = 'put'
LEFT JOIN contract_values AS cv ON cv.place = c.place
LEFT JOIN contract_values AS pv ON pv.place = p.place
LEFT JOIN rung_values AS r ON r.rung = told.rung
LEFT JOIN chain_values AS f ON f.chain = told.chain;


-- step: analyze_strikes
-- As with the chains.
ANALYZE incoming_strikes;

-- step: upsert_strikes
-- Writes incoming_strikes. The same content again is not touched: ON CONFLICT alone would lock its row, which writes to it. One
-- that is made again keeps its source.
WITH differing AS (
    SELECT i.*
    FROM incoming_strikes AS i
    LEFT JOIN market.strike_candles AS s
        ON s.instrument_id = i.instrument_id AND s.expires_at = i.expires_at AND s.strike = i.strike
        AND s.contract = i.contract AND s.time = i.time
        AND s.time >= :'starts'::timestamptz AND s.time < :'ends'::timestamptz
    WHERE s.time IS NULL OR (:said) IS DISTINCT FROM (:stored)
), written AS (
    INSERT INTO market.strike_candles AS stored (:key, :content, source, version)
    SELECT :key, :content, source, version FROM differing ORDER BY :key
    ON CONFLICT (:key) DO UPDATE SET
        (:content) = ROW(:given), revision = stored.revision + 1, updated_at = now()
    RETURNING revision
)
SELECT
    count(*) FILTER (WHERE revision = 0) AS written,
    count(*) FILTER (WHERE revision > 0) AS revised
FROM written;

-- step: delete_emptied_strikes
-- A minute of which nothing is reported any more loses its candle.
DELETE FROM market.strike_candles AS s
USING touched_chains AS t
WHERE s.instrument_id = t.underlying_id AND s.expires_at = t.expires_at AND s.contract = t.contract AND s.time = t.time
    AND s.time >= :'starts'::timestamptz AND s.time < :'ends'::timestamptz
    AND NOT EXISTS (
        SELECT FROM incoming_strikes AS i
        WHERE i.instrument_id = s.instrument_id AND i.expires_at = s.expires_at AND i.strike = s.strike
            AND i.contract = s.contract AND i.time = s.time
    );

-- step: upsert_newest_strikes
-- The newest candle of each strike, as it is stored now.
INSERT INTO market.newest_strikes AS newest (:key, :content, source, version, revision, created_at, updated_at)
SELECT DISTINCT ON (s.instrument_id, s.expires_at, s.strike, s.contract)
    :stored_key, :stored, s.source, s.version, s.revision, s.created_at, s.updated_at
FROM incoming_strikes AS i
JOIN market.strike_candles AS s
    ON s.instrument_id = i.instrument_id AND s.expires_at = i.expires_at AND s.strike = i.strike
    AND s.contract = i.contract AND s.time = i.time
    AND s.time >= :'starts'::timestamptz AND s.time < :'ends'::timestamptz
ORDER BY s.instrument_id, s.expires_at, s.strike, s.contract, s.time DESC
ON CONFLICT (instrument_id, expires_at, strike, contract) DO UPDATE SET
    (time, :content) = ROW(EXCLUDED.time, :given), source = EXCLUDED.source, version = EXCLUDED.version,
    revision = EXCLUDED.revision, created_at = EXCLUDED.created_at, updated_at = EXCLUDED.updated_at
WHERE (newest.time, newest.revision) < (EXCLUDED.time, EXCLUDED.revision);

-- step: delete_lost_newest
-- The newest strikes whose candles were just deleted.
DELETE FROM market.newest_strikes AS n
USING touched_chains AS t
WHERE n.instrument_id = t.underlying_id AND n.expires_at = t.expires_at AND n.contract = t.contract AND n.time = t.time
    AND NOT EXISTS (
        SELECT FROM incoming_strikes AS i
        WHERE i.instrument_id = n.instrument_id AND i.expires_at = n.expires_at AND i.strike = n.strike
            AND i.contract = n.contract AND i.time = n.time
    );

-- step: find_newest_again
-- Of strikes of the chains that have no newest candle: the one before.
INSERT INTO market.newest_strikes (:key, :content, source, version, revision, created_at, updated_at)
SELECT :stored_key, :stored, s.source, s.version, s.revision, s.created_at, s.updated_at
FROM (
    SELECT DISTINCT c.underlying_id, c.expires_at, c.strike, c.contract
    FROM touched_chains AS t
    JOIN market.option_contracts AS c
        ON c.underlying_id = t.underlying_id AND c.expires_at = t.expires_at AND c.contract = t.contract
) AS each
CROSS JOIN LATERAL (
    SELECT s.*
    FROM market.strike_candles AS s
    WHERE s.instrument_id = each.underlying_id AND s.expires_at = each.expires_at AND s.strike = each.strike
        AND s.contract = each.contract
        AND s.time >= :'ends'::timestamptz - INTERVAL '7 days' AND s.time < :'ends'::timestamptz
    ORDER BY s.time DESC
    LIMIT 1
) AS s
ON CONFLICT DO NOTHING;

-- step: count_statuses
-- How many sides have an implied volatility, and how many there are that have not expired, of the newest minute that was written.
SELECT count(*) FILTER (WHERE status = 'ok') AS ok, count(*) FILTER (WHERE status <> 'expired') AS sides
FROM (
    SELECT unnest(ARRAY[call_iv_status, put_iv_status]) AS status
    FROM incoming_strikes
    WHERE time = (SELECT max(time) FROM incoming_strikes)
) AS newest;
