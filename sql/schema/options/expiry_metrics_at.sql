CREATE OR REPLACE FUNCTION market.expiry_metrics_at(of_underlying integer, moments timestamptz[])
RETURNS TABLE (
    "time" timestamptz, expiry date, expires_at timestamptz, contract text, forward double precision, atm_strike numeric,
    atm_iv double precision, straddle numeric, expected_move numeric, skew_25d double precision, pcr_volume numeric,
    pcr_oi numeric, max_pain numeric, call_volume numeric, put_volume numeric, call_oi numeric, put_oi numeric,
    oi_coverage numeric
) LANGUAGE sql STABLE AS $$
    WITH chain AS MATERIALIZED (
        SELECT c.*, c.time AS told_at, max(c.time) OVER w AS newest
        FROM market.option_chain_at(of_underlying, moments) AS c
        WINDOW w AS (PARTITION BY c.moment, c.expires_at, c.contract)
    ), sums AS (
        -- Prefix sums: of calls below each strike and puts above it, how many are open and what they were struck at.
        SELECT
            c.*, max(c.forward) FILTER (WHERE c.told_at = c.newest) OVER whole AS ahead,
            -- What was quoted long before the rest of the chain has no say.
            c.told_at > c.newest - INTERVAL '15 minutes' AS is_fresh,
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
        SELECT o.moment, k.expires_at, k.contract, sum(k.call_volume) AS call_volume, sum(k.put_volume) AS put_volume
        FROM opened AS o
        JOIN market.strike_candles AS k
            ON k.instrument_id = of_underlying AND k.time >= o.opens_at AND k.time <= o.moment - INTERVAL '1 minute'
        GROUP BY o.moment, k.expires_at, k.contract
    ), metrics AS (
        SELECT
            l.moment, l.expiry, l.expires_at, l.contract, max(l.ahead) AS forward,
            max(l.strike) FILTER (WHERE l.is_atm) AS atm_strike,
            max((l.call_iv + l.put_iv) / 2) FILTER (WHERE l.is_atm AND l.is_fresh) AS atm_iv,
            max(l.call_mid + l.put_mid) FILTER (WHERE l.is_atm AND l.is_fresh) AS straddle,
            (array_agg(l.strike ORDER BY l.pain, l.strike) FILTER (WHERE l.call_oi IS NOT NULL OR l.put_oi IS NOT NULL))[1] AS pain,
            sum(l.call_oi) AS call_oi, sum(l.put_oi) AS put_oi,
            round(
                (count(l.call_oi) + count(l.put_oi))::numeric
                    / (count(*) FILTER (WHERE l.has_call) + count(*) FILTER (WHERE l.has_put)),
                6
            ) AS oi_coverage
        FROM ladder AS l
        GROUP BY l.moment, l.expiry, l.expires_at, l.contract
    )
    SELECT
        m.moment, m.expiry, m.expires_at, m.contract, m.forward, m.atm_strike, m.atm_iv, m.straddle, m.straddle, w.skew_25d,
        market.average(t.put_volume, t.call_volume), market.average(m.put_oi, m.call_oi),
        CASE WHEN coalesce(m.call_oi, 0) + coalesce(m.put_oi, 0) > 0 THEN m.pain END,
        t.call_volume, t.put_volume, m.call_oi, m.put_oi, m.oi_coverage
    FROM metrics AS m
    LEFT JOIN skewed AS w ON w.moment = m.moment AND w.expires_at = m.expires_at AND w.contract = m.contract
    LEFT JOIN traded AS t ON t.moment = m.moment AND t.expires_at = m.expires_at AND t.contract = m.contract
$$;
COMMENT ON FUNCTION market.expiry_metrics_at IS 'What a chain comes to at each of some moments: a row for each expiry that has not passed. What a part of is unknown is null.';
