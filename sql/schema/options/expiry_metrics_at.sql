CREATE OR REPLACE FUNCTION market.expiry_metrics_at(
    of_underlying integer, moments timestamptz[], of_expiries timestamptz[]
)
RETURNS TABLE (
    "time" timestamptz, expiry date, expires_at timestamptz, contract text, forward double precision, atm_strike numeric,
    atm_iv double precision, straddle numeric, expected_move numeric, skew_25d double precision, pcr_volume numeric,
    pcr_oi numeric, max_pain numeric, call_volume numeric, put_volume numeric, call_oi numeric, put_oi numeric,
    oi_coverage numeric
) LANGUAGE sql STABLE AS $$
    WITH chain AS MATERIALIZED (
        SELECT c.*, c.time AS candle_at, max(c.time) OVER w AS newest
        FROM market.option_chain_at(of_underlying, moments, of_expiries) AS c
        WINDOW w AS (PARTITION BY c.moment, c.expires_at, c.contract)
    ), sums AS (
        -- Prefix sums: of calls below each strike and puts above it, how many are open and what they were struck at.
        SELECT
            c.*, max(c.forward) FILTER (WHERE c.candle_at = c.newest) OVER whole AS ahead,
            -- What was quoted long before the rest of the chain has no say.
            c.candle_at > c.newest - INTERVAL '15 minutes' AS is_fresh,
            sum(c.call_oi) OVER below AS calls, sum(c.call_oi * c.strike) OVER below AS call_strikes,
            sum(c.put_oi) OVER above AS puts, sum(c.put_oi * c.strike) OVER above AS put_strikes
        FROM chain AS c
        WINDOW
            whole AS (PARTITION BY c.moment, c.expires_at, c.contract),
            below AS (PARTITION BY c.moment, c.expires_at, c.contract ORDER BY c.strike),
            above AS (PARTITION BY c.moment, c.expires_at, c.contract ORDER BY c.strike DESC)
    ), ladder AS (
        SELECT
            s.*,
            s.strike * coalesce(s.calls, 0) - coalesce(s.call_strikes, 0) + coalesce(s.put_strikes, 0)
                - s.strike * coalesce(s.puts, 0) AS pain,
            row_number() OVER (
                PARTITION BY s.moment, s.expires_at, s.contract ORDER BY round(abs(s.strike - s.ahead::numeric), 9), s.strike
            ) = 1 AND s.ahead IS NOT NULL AS is_atm
        FROM sums AS s
    ), wings AS (
        -- Outwards from the money, those with a volatility: each with the one before.
        SELECT
            w.moment, w.expires_at, w.contract, w.side, w.iv, w.delta, w.away,
            lag(w.iv) OVER outwards AS iv_before, lag(w.delta) OVER outwards AS delta_before
        FROM (
            SELECT l.moment, l.expires_at, l.contract, s.side, s.iv, abs(s.delta) AS delta, s.away
            FROM ladder AS l
            CROSS JOIN LATERAL (
                VALUES
                    ('call', l.call_iv, l.call_delta, l.strike),
                    ('put', l.put_iv, l.put_delta, -l.strike)
            ) AS s (side, iv, delta, away)
            WHERE l.is_fresh AND s.iv IS NOT NULL AND s.delta IS NOT NULL
        ) AS w
        WINDOW outwards AS (PARTITION BY w.moment, w.expires_at, w.contract, w.side ORDER BY w.away)
    ), at_25 AS (
        SELECT DISTINCT ON (moment, expires_at, contract, side)
            moment, expires_at, contract, side,
            iv_before + (iv - iv_before) * (delta_before - 0.25) / nullif(delta_before - delta, 0) AS iv
        FROM wings
        WHERE delta_before >= 0.25 AND delta <= 0.25
        ORDER BY moment, expires_at, contract, side, away
    ), skewed AS (
        SELECT
            moment, expires_at, contract,
            max(iv) FILTER (WHERE side = 'put') - max(iv) FILTER (WHERE side = 'call') AS skew_25d
        FROM at_25 GROUP BY moment, expires_at, contract
    ), money AS (
        -- Of the strike at the money, the last middles and volatilities of the quarter of an hour: a side may be without a valid
        -- quote for a while.
        SELECT
            l.moment, l.expires_at, l.contract, l.strike,
            last(s.call_mid, s.time) FILTER (WHERE s.call_mid IS NOT NULL AND s.call_quoted_at >= l.since)
                + last(s.put_mid, s.time) FILTER (WHERE s.put_mid IS NOT NULL AND s.put_quoted_at >= l.since) AS straddle,
            (
                last(s.call_iv, s.time) FILTER (WHERE s.call_iv IS NOT NULL AND (s.call_quoted_at >= l.since OR s.call_trades > 0))
                    + last(s.put_iv, s.time) FILTER (WHERE s.put_iv IS NOT NULL AND (s.put_quoted_at >= l.since OR s.put_trades > 0))
            ) / 2 AS iv
        FROM (SELECT d.*, d.newest - INTERVAL '14 minutes' AS since FROM ladder AS d WHERE d.is_atm) AS l
        LEFT JOIN market.strike_candles AS s
            ON s.instrument_id = of_underlying AND s.expires_at = l.expires_at AND s.strike = l.strike AND s.contract = l.contract
            AND s.time >= l.since AND s.time <= l.newest
            AND s.time < market.last_moment(moments) AND s.time > market.first_moment(moments) - INTERVAL '7 days'
        GROUP BY l.moment, l.expires_at, l.contract, l.strike
    ), opened AS MATERIALIZED (
        -- Volume is that since the session opened; of an underlying without sessions, since midnight UTC.
        SELECT m.moment, coalesce(
            (
                SELECT max(s.opens_at) FROM market.sessions AS s JOIN market.instruments AS n USING (calendar)
                WHERE n.instrument_id = of_underlying AND s.opens_at < m.moment AND s.opens_at > m.moment - INTERVAL '7 days'
            ),
            date_trunc('day', m.moment, 'UTC')
        ) AS opens_at
        FROM unnest(moments) AS m (moment)
    ), traded AS (
        -- By probes of the contracts' own candles: few contracts trade in a minute, but all are quoted.
        SELECT
            c.moment, c.expires_at, c.contract, sum(CASE WHEN c.call_id IS NOT NULL THEN coalesce(k.volume, 0) END) AS call_volume,
            sum(CASE WHEN c.put_id IS NOT NULL THEN coalesce(p.volume, 0) END) AS put_volume
        FROM chain AS c
        JOIN opened AS o USING (moment)
        CROSS JOIN LATERAL (
            SELECT sum(e.volume) AS volume FROM market.candles AS e
            WHERE e.instrument_id = c.call_id AND e.time >= o.opens_at AND e.time <= o.moment - INTERVAL '1 minute'
                AND e.time < market.last_moment(moments) AND e.time > market.first_moment(moments) - INTERVAL '7 days'
        ) AS k
        CROSS JOIN LATERAL (
            SELECT sum(e.volume) AS volume FROM market.candles AS e
            WHERE e.instrument_id = c.put_id AND e.time >= o.opens_at AND e.time <= o.moment - INTERVAL '1 minute'
                AND e.time < market.last_moment(moments) AND e.time > market.first_moment(moments) - INTERVAL '7 days'
        ) AS p
        GROUP BY c.moment, c.expires_at, c.contract
    ), metrics AS (
        SELECT
            l.moment, l.expiry, l.expires_at, l.contract, max(l.ahead) AS forward,
            (array_agg(l.strike ORDER BY l.pain, l.strike) FILTER (WHERE l.call_oi IS NOT NULL OR l.put_oi IS NOT NULL))[1] AS pain,
            sum(l.call_oi) AS call_oi, sum(l.put_oi) AS put_oi,
            round(
                (count(l.call_oi) + count(l.put_oi))::numeric
                    / (count(l.call_id) + count(l.put_id)),
                6
            ) AS oi_coverage
        FROM ladder AS l
        GROUP BY l.moment, l.expiry, l.expires_at, l.contract
    )
    SELECT
        m.moment, m.expiry, m.expires_at, m.contract, m.forward, a.strike, a.iv, a.straddle, a.straddle, w.skew_25d,
        market.average(t.put_volume, t.call_volume), market.average(m.put_oi, m.call_oi),
        CASE WHEN coalesce(m.call_oi, 0) + coalesce(m.put_oi, 0) > 0 THEN m.pain END,
        t.call_volume, t.put_volume, m.call_oi, m.put_oi, m.oi_coverage
    FROM metrics AS m
    LEFT JOIN money AS a ON a.moment = m.moment AND a.expires_at = m.expires_at AND a.contract = m.contract
    LEFT JOIN skewed AS w ON w.moment = m.moment AND w.expires_at = m.expires_at AND w.contract = m.contract
    LEFT JOIN traded AS t ON t.moment = m.moment AND t.expires_at = m.expires_at AND t.contract = m.contract
$$;
COMMENT ON FUNCTION market.expiry_metrics_at(integer, timestamptz[], timestamptz[]) IS 'What a chain comes to at each of some moments: a row for each expiry that has not passed, of some expiries, or of all where null. What a part of is unknown is null.';

-- Of all expiries.
CREATE OR REPLACE FUNCTION market.expiry_metrics_at(of_underlying integer, moments timestamptz[])
RETURNS TABLE (
    "time" timestamptz, expiry date, expires_at timestamptz, contract text, forward double precision, atm_strike numeric,
    atm_iv double precision, straddle numeric, expected_move numeric, skew_25d double precision, pcr_volume numeric,
    pcr_oi numeric, max_pain numeric, call_volume numeric, put_volume numeric, call_oi numeric, put_oi numeric,
    oi_coverage numeric
) LANGUAGE sql STABLE AS $$
    SELECT
        m.time, m.expiry, m.expires_at, m.contract, m.forward, m.atm_strike, m.atm_iv, m.straddle, m.expected_move, m.skew_25d,
        m.pcr_volume, m.pcr_oi, m.max_pain, m.call_volume, m.put_volume, m.call_oi, m.put_oi, m.oi_coverage
    FROM market.expiry_metrics_at(of_underlying, moments, NULL) AS m
$$;
COMMENT ON FUNCTION market.expiry_metrics_at(integer, timestamptz[]) IS 'What the chains of all expiries that have not passed come to at each of some moments.';
