CREATE OR REPLACE FUNCTION market.option_chain_at(
    of_underlying integer, moments timestamptz[], of_expiries timestamptz[]
)
RETURNS TABLE (
    moment timestamptz, expires_at timestamptz, contract text, expiry date, strike numeric, call_id integer, put_id integer,
    "time" timestamptz, underlying_close numeric, forward double precision, rank integer, moneyness double precision,
    call_bid numeric, call_ask numeric, call_mid numeric, call_close numeric, call_quoted_at timestamptz,
    call_iv_status text, call_iv double precision, call_delta double precision, call_gamma double precision, call_theta double precision, call_vega double precision,
    call_oi numeric, call_oi_time timestamptz,
    put_bid numeric, put_ask numeric, put_mid numeric, put_close numeric, put_quoted_at timestamptz,
    put_iv_status text, put_iv double precision, put_delta double precision, put_gamma double precision, put_theta double precision, put_vega double precision,
    put_oi numeric, put_oi_time timestamptz
) LANGUAGE sql STABLE AS $$
    -- Every listed strike that has not expired at a moment, with its last candle that had closed by then, of a week at most; and
    -- the open interest as it was last published by then, however long before; it may be later than the candle. That no candle lies
    -- outside all moments is said again, so that chunks are excluded while planning.
    SELECT
        m.moment, l.expires_at, l.contract, l.expiry, l.strike, l.call_id, l.put_id,
        k.time, k.underlying_close, k.forward, k.rank, k.moneyness,
        k.call_bid, k.call_ask, k.call_mid, k.call_close, k.call_quoted_at, k.call_iv_status, k.call_iv, k.call_delta, k.call_gamma, k.call_theta, k.call_vega,
        coalesce(c.open_interest, k.call_oi), coalesce(c.time, k.call_oi_time),
        k.put_bid, k.put_ask, k.put_mid, k.put_close, k.put_quoted_at, k.put_iv_status, k.put_iv, k.put_delta, k.put_gamma, k.put_theta, k.put_vega,
        coalesce(p.open_interest, k.put_oi), coalesce(p.time, k.put_oi_time)
    FROM unnest(moments) AS m (moment)
    CROSS JOIN LATERAL (
        SELECT
            o.expires_at, o.contract, o.strike, min(o.expiry) AS expiry,
            min(o.instrument_id) FILTER (WHERE o.side = 'call') AS call_id,
            min(o.instrument_id) FILTER (WHERE o.side = 'put') AS put_id
        FROM market.option_contracts AS o
        JOIN market.instruments AS n USING (instrument_id)
        WHERE o.underlying_id = of_underlying AND (of_expiries IS NULL OR o.expires_at = ANY (of_expiries))
            AND o.expires_at > m.moment AND (n.listed_at >= m.moment) IS NOT TRUE
        GROUP BY o.expires_at, o.contract, o.strike
    ) AS l
    LEFT JOIN LATERAL (
        SELECT
            s.time, s.underlying_close, s.forward, s.rank, s.moneyness, s.call_bid, s.call_ask, s.call_mid,
            s.call_close, s.call_quoted_at, s.call_iv_status, s.call_iv, s.call_delta, s.call_gamma, s.call_theta,
            s.call_vega, s.put_bid, s.put_ask, s.put_mid, s.put_close, s.put_quoted_at, s.put_iv_status, s.put_iv,
            s.put_delta, s.put_gamma, s.put_theta, s.put_vega, s.call_oi, s.call_oi_time, s.put_oi, s.put_oi_time
        FROM market.strike_candles AS s
        WHERE s.instrument_id = of_underlying AND s.expires_at = l.expires_at AND s.strike = l.strike AND s.contract = l.contract
            AND s.time <= m.moment - INTERVAL '1 minute' AND s.time > m.moment - INTERVAL '7 days'
            AND s.time < market.last_moment(moments) AND s.time > market.first_moment(moments) - INTERVAL '7 days'
        ORDER BY s.time DESC
        LIMIT 1
    ) AS k ON true
    LEFT JOIN LATERAL (
        SELECT o.time, o.open_interest
        FROM market.open_interest AS o
        WHERE o.instrument_id = l.call_id AND o.time < m.moment
            AND o.time < market.last_moment(moments)
            AND (o.time <= k.call_oi_time) IS NOT TRUE
        ORDER BY o.time DESC
        LIMIT 1
    ) AS c ON true
    LEFT JOIN LATERAL (
        SELECT o.time, o.open_interest
        FROM market.open_interest AS o
        WHERE o.instrument_id = l.put_id AND o.time < m.moment
            AND o.time < market.last_moment(moments)
            AND (o.time <= k.put_oi_time) IS NOT TRUE
        ORDER BY o.time DESC
        LIMIT 1
    ) AS p ON true
$$;
COMMENT ON FUNCTION market.option_chain_at(integer, timestamptz[], timestamptz[]) IS 'Every listed strike of an underlying as it was at each of some moments: its last candle, and open interest carried forward until the next publication. Of some expiries, or of all where null.';
