-- The chains of some expiries: a row for each listed strike, with the newest that its candle had in minutes before :ends, or
-- without :at the newest of all. Ranks and moneyness are all seen from the forward of the chain's newest minute, so that a silent
-- strike keeps its place. What was not quoted or traded for a quarter of an hour by then is stale. Volume is that since the
-- session opened, or since midnight UTC where no session is known; open interest is carried forward until the next publication,
-- and none from :known_before on. Candles are bounded by :since as well, so that chunks are excluded.
-- As in psql -v underlying_id=1 -v expires_at='{2026-03-20T20:00Z}' -v at= -v since=2026-03-02 -v ends=2026-03-09T15:00Z ...
WITH listed AS MATERIALIZED (
    SELECT
        c.expires_at, c.contract, c.strike, min(c.expiry) AS expiry,
        min(c.instrument_id) FILTER (WHERE c.side = 'call') AS call_id,
        min(c.instrument_id) FILTER (WHERE c.side = 'put') AS put_id,
        row_number() OVER (PARTITION BY c.expires_at, c.contract ORDER BY c.strike) AS place
    FROM market.option_contracts AS c
    JOIN market.instruments AS n ON n.instrument_id = c.instrument_id AND (n.listed_at >= :'ends'::timestamptz) IS NOT TRUE
    WHERE c.underlying_id = :'underlying_id'::integer AND c.expires_at = ANY (:'expires_at'::timestamptz[])
    GROUP BY c.expires_at, c.contract, c.strike
), opened AS MATERIALIZED (
    SELECT coalesce(
        (
            SELECT max(s.opens_at) FROM market.sessions AS s JOIN market.instruments AS n USING (calendar)
            WHERE n.instrument_id = :'underlying_id'::integer
                AND s.opens_at < :'ends'::timestamptz AND s.opens_at >= :'since'::timestamptz
        ),
        date_trunc('day', :'ends'::timestamptz - INTERVAL '1 minute', 'UTC')
    ) AS opens_at
), stood AS MATERIALIZED (
    SELECT n.*
    FROM market.newest_strikes AS n
    WHERE :'at'::timestamptz IS NULL
        AND n.instrument_id = :'underlying_id'::integer AND n.expires_at = ANY (:'expires_at'::timestamptz[])
    UNION ALL
    SELECT s.*
    FROM listed AS l
    CROSS JOIN LATERAL (
        SELECT k.*
        FROM market.strike_candles AS k
        WHERE k.instrument_id = :'underlying_id'::integer AND k.expires_at = l.expires_at AND k.strike = l.strike
            AND k.contract = l.contract AND k.time >= :'since'::timestamptz AND k.time < :'ends'::timestamptz
        ORDER BY k.time DESC
        LIMIT 1
    ) AS s
    WHERE :'at'::timestamptz IS NOT NULL
), money AS (
    SELECT DISTINCT ON (s.expires_at, s.contract)
        s.expires_at, s.contract, s.forward, l.place - s.rank AS place, s.underlying_close,
        max(s.time) OVER (PARTITION BY s.expires_at, s.contract) AS minute
    FROM stood AS s
    JOIN listed AS l USING (expires_at, contract, strike)
    ORDER BY s.expires_at, s.contract, s.rank IS NULL, s.time DESC
), told AS (
    SELECT
        s.time, l.expiry, l.expires_at, l.strike, l.contract, l.call_id, l.put_id, l.place - m.place AS rank, m.minute,
        s.call_bid, s.call_ask, s.call_mid, s.call_iv, s.call_delta, s.call_gamma, s.call_theta, s.call_vega,
        s.call_quoted_at, s.call_oi, s.call_oi_time, s.call_iv_status AS call_status,
        s.put_bid, s.put_ask, s.put_mid, s.put_iv, s.put_delta, s.put_gamma, s.put_theta, s.put_vega,
        s.put_quoted_at, s.put_oi, s.put_oi_time, s.put_iv_status AS put_status,
        m.underlying_close, m.forward, CASE WHEN m.forward > 0 THEN ln(l.strike::float8 / m.forward) END AS moneyness
    FROM listed AS l
    LEFT JOIN stood AS s USING (expires_at, contract, strike)
    LEFT JOIN money AS m USING (expires_at, contract)
    WHERE :'near'::integer IS NULL OR abs(l.place - m.place) <= :'near'::integer
), held AS (
    SELECT
        t.*,
        CASE WHEN call_id IS NOT NULL THEN coalesce(call_traded.volume, 0) END AS call_volume, call_traded.close AS call_last,
        CASE WHEN put_id IS NOT NULL THEN coalesce(put_traded.volume, 0) END AS put_volume, put_traded.close AS put_last,
        CASE WHEN call_published.time IS NULL OR call_oi_time > call_published.time THEN call_oi
            ELSE call_published.open_interest
        END AS call_open,
        greatest(call_oi_time, call_published.time) AS call_oi_as_of,
        CASE WHEN put_published.time IS NULL OR put_oi_time > put_published.time THEN put_oi
            ELSE put_published.open_interest
        END AS put_open,
        greatest(put_oi_time, put_published.time) AS put_oi_as_of,
        CASE
            WHEN call_status IS NULL THEN NULL
            WHEN coalesce(:'at'::timestamptz, t.minute) >= t.expires_at THEN 'expired'
            WHEN (greatest(call_quoted_at, call_traded.time) >= t.minute - INTERVAL '14 minutes') IS NOT TRUE THEN 'stale'
            ELSE call_status
        END AS call_iv_status,
        CASE
            WHEN put_status IS NULL THEN NULL
            WHEN coalesce(:'at'::timestamptz, t.minute) >= t.expires_at THEN 'expired'
            WHEN (greatest(put_quoted_at, put_traded.time) >= t.minute - INTERVAL '14 minutes') IS NOT TRUE THEN 'stale'
            ELSE put_status
        END AS put_iv_status
    FROM told AS t
    CROSS JOIN opened AS o
    CROSS JOIN LATERAL (
        SELECT sum(k.volume) AS volume, last(k.close, k.time) AS close, max(k.time) AS time
        FROM market.candles AS k
        WHERE k.instrument_id = t.call_id AND k.time >= o.opens_at
            AND k.time >= :'since'::timestamptz AND k.time < :'ends'::timestamptz
    ) AS call_traded
    CROSS JOIN LATERAL (
        SELECT sum(k.volume) AS volume, last(k.close, k.time) AS close, max(k.time) AS time
        FROM market.candles AS k
        WHERE k.instrument_id = t.put_id AND k.time >= o.opens_at
            AND k.time >= :'since'::timestamptz AND k.time < :'ends'::timestamptz
    ) AS put_traded
    LEFT JOIN LATERAL (
        SELECT o.time, o.open_interest FROM market.open_interest AS o
        WHERE o.instrument_id = t.call_id AND o.time < :'known_before'::timestamptz
        ORDER BY o.time DESC LIMIT 1
    ) AS call_published ON true
    LEFT JOIN LATERAL (
        SELECT o.time, o.open_interest FROM market.open_interest AS o
        WHERE o.instrument_id = t.put_id AND o.time < :'known_before'::timestamptz
        ORDER BY o.time DESC LIMIT 1
    ) AS put_published ON true
)
SELECT
    time, expiry, strike,
    call_bid, call_ask, call_mid, call_last, call_volume, call_open AS call_oi, call_oi_as_of, call_iv_status,
    CASE WHEN call_iv_status = 'ok' THEN call_iv END AS call_iv, CASE WHEN call_iv_status = 'ok' THEN call_delta END AS call_delta,
    CASE WHEN call_iv_status = 'ok' THEN call_gamma END AS call_gamma,
    CASE WHEN call_iv_status = 'ok' THEN call_theta END AS call_theta,
    CASE WHEN call_iv_status = 'ok' THEN call_vega END AS call_vega,
    put_bid, put_ask, put_mid, put_last, put_volume, put_open AS put_oi, put_oi_as_of, put_iv_status,
    CASE WHEN put_iv_status = 'ok' THEN put_iv END AS put_iv, CASE WHEN put_iv_status = 'ok' THEN put_delta END AS put_delta,
    CASE WHEN put_iv_status = 'ok' THEN put_gamma END AS put_gamma,
    CASE WHEN put_iv_status = 'ok' THEN put_theta END AS put_theta,
    CASE WHEN put_iv_status = 'ok' THEN put_vega END AS put_vega,
    rank, moneyness, underlying_close, forward, contract, expires_at
FROM held
WHERE :'after_expires_at'::timestamptz IS NULL
    OR (expires_at, contract, strike) > (:'after_expires_at'::timestamptz, :'after_contract'::text, :'after_strike'::numeric)
ORDER BY expires_at, contract, strike
LIMIT :'most'::bigint;
