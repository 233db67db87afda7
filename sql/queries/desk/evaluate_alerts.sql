-- Takes the marks of a stretch of minutes, and fires what crossed in them: all in one statement, whatever the number of alerts.
-- A minute counts with the close of the complete candle before it, however long ago that was. So with a minute that changed the
-- next one is looked at as well, though it be one that a later run has seen; minutes between the first and the last that changed
-- may be looked at for nothing. What has fired never fires again for the same minute. Nothing that was found is joined with
-- something else that was: the planner does not know how much that will be, and lists are hashed.
WITH taken AS (
    DELETE FROM market.alert_minutes
    WHERE minute >= :'starts'::timestamptz AND minute < :'ends'::timestamptz
    RETURNING minute, instrument_ids
), spans AS MATERIALIZED (
    -- Of instruments with an alert that may fire.
    SELECT i.instrument_id, min(t.minute) AS first, max(t.minute) AS last
    FROM taken AS t
    CROSS JOIN unnest(t.instrument_ids) AS i (instrument_id)
    WHERE i.instrument_id = ANY (ARRAY(
        SELECT a.instrument_id FROM market.alerts AS a WHERE a.state = 'armed'
        UNION
        SELECT a.instrument_id FROM market.alerts AS a WHERE a.state = 'expired' AND a.expires_at > :'starts'::timestamptz
    ))
    GROUP BY i.instrument_id
), near AS MATERIALIZED (
    -- The minute before a minute is nearly always there: one read of a stretch finds most closes before.
    SELECT
        s.first, s.last, c.instrument_id, c.time, c.open, c.high, c.low, c.close,
        lag(c.time) OVER in_order AS before_at, lag(c.close) OVER in_order AS close_before
    FROM spans AS s
    JOIN market.candles AS c USING (instrument_id)
    WHERE c.time >= :'starts'::timestamptz - INTERVAL '3 minutes' AND c.time < :'ends'::timestamptz + INTERVAL '3 minutes'
        AND NOT c.partial
    WINDOW in_order AS (PARTITION BY c.instrument_id ORDER BY c.time)
), changed AS (
    SELECT n.instrument_id, n.time, n.open, n.high, n.low, n.close, n.close_before
    FROM near AS n
    WHERE n.time >= n.first AND (n.before_at <= n.last OR n.before_at IS NULL)
    UNION ALL
    -- The next one, where it is not near.
    SELECT s.instrument_id, f.time, f.open, f.high, f.low, f.close, null
    FROM spans AS s
    CROSS JOIN LATERAL (
        SELECT c.time, c.open, c.high, c.low, c.close
        FROM market.candles AS c
        WHERE c.instrument_id = s.instrument_id AND NOT c.partial
            AND c.time >= :'ends'::timestamptz + INTERVAL '3 minutes' AND c.time < :'due'::timestamptz + INTERVAL '1 hour'
        ORDER BY c.time
        LIMIT 1
    ) AS f
    WHERE CASE
            WHEN :'ends'::timestamptz + INTERVAL '3 minutes' < :'due'::timestamptz THEN true
            -- A run that comes late, after one of a later minute: nobody else would look at what that one saw.
            ELSE (
                SELECT count(*) > 0 FROM market.candles AS c
                WHERE c.time >= :'ends'::timestamptz + INTERVAL '3 minutes' AND c.time < :'due'::timestamptz + INTERVAL '1 hour'
            )
        END
        AND s.instrument_id <> ALL (ARRAY(SELECT n.instrument_id FROM near AS n WHERE n.time > n.last))
), evaluated AS (
    -- A weekend is probed for, and what is longer is asked apart.
    SELECT
        c.instrument_id, c.time, c.open, c.high, c.low, c.close,
        coalesce(c.close_before, b.close, market.last_close(c.instrument_id, c.time)) AS close_before
    FROM changed AS c
    LEFT JOIN LATERAL (
        SELECT b.close
        FROM market.candles AS b
        WHERE c.close_before IS NULL AND b.instrument_id = c.instrument_id AND b.time < c.time AND NOT b.partial
            AND b.time >= :'starts'::timestamptz - INTERVAL '5 days' AND b.time < :'due'::timestamptz + INTERVAL '1 hour'
        ORDER BY b.time DESC
        LIMIT 1
    ) AS b ON true
), crossings AS (
    SELECT
        a.alert_id, a.revision, a.is_recurring, e.time AS minute, e.close_before,
        CASE WHEN e.time < a.armed_at THEN e.close WHEN a.side = 'high' THEN e.high ELSE e.low END AS price,
        row_number() OVER (PARTITION BY a.alert_id ORDER BY e.time) AS nth
    FROM evaluated AS e
    JOIN market.alerts AS a USING (instrument_id)
    WHERE (a.state = 'armed' OR a.state = 'expired' AND a.expires_at > :'starts'::timestamptz)
        AND e.time > a.armed_at - INTERVAL '1 minute' AND (a.expires_at IS NULL OR e.time < a.expires_at)
        -- Of the minute in which it was armed nobody knows whether its high came before: that counts with its open and close.
        AND CASE
            WHEN e.time < a.armed_at THEN market.crosses(a.side, a.level, e.open, e.close, e.close)
            ELSE market.crosses(a.side, a.level, e.close_before, e.high, e.low)
        END
        AND NOT EXISTS (SELECT FROM market.alert_firings AS f WHERE f.alert_id = a.alert_id AND f.minute = e.time)
), fired AS (
    -- One that its user changes meanwhile is left to what he made of it.
    UPDATE market.alerts AS a SET
        state = CASE WHEN a.is_recurring THEN a.state ELSE 'fired' END,
        revision = a.revision + 1,
        updated_at = :'at'::timestamptz
    FROM (
        SELECT
            alert_id, revision, array_agg(minute ORDER BY minute) AS minutes, array_agg(price ORDER BY minute) AS prices,
            array_agg(close_before ORDER BY minute) AS closes_before
        FROM crossings
        WHERE is_recurring OR nth = 1
        GROUP BY alert_id, revision
    ) AS c
    WHERE a.alert_id = c.alert_id AND a.revision = c.revision
    RETURNING
        a.alert_id, a.user_id, a.instrument_id, a.side, a.level, a.is_recurring, a.note, a.armed_at, c.minutes, c.prices,
        c.closes_before
), firings AS (
    INSERT INTO market.alert_firings (
        alert_id, minute, user_id, instrument_id, side, level, price, close_before, armed_at, fired_at, is_late
    )
    SELECT
        f.alert_id, c.minute, f.user_id, f.instrument_id, f.side, f.level, c.price, c.close_before, f.armed_at, :'at'::timestamptz,
        c.minute < :'due'::timestamptz - INTERVAL '1 minute'
    FROM fired AS f
    CROSS JOIN unnest(f.minutes, f.prices, f.closes_before) AS c (minute, price, close_before)
    RETURNING is_late
), told AS (
    INSERT INTO market.outbox (topic, key, group_key, body, created_at)
    SELECT
        'alerts', format('alert:%s:%s', f.alert_id, said.minute), 'alert:' || f.alert_id,
        jsonb_build_object(
            'key', format('alert:%s:%s', f.alert_id, said.minute), 'alert_id', f.alert_id, 'user_id', f.user_id,
            'instrument_key', n.instrument_key, 'side', f.side, 'level', f.level, 'minute', said.minute, 'price', c.price,
            'close_before', c.close_before, 'is_late', c.minute < :'due'::timestamptz - INTERVAL '1 minute',
            'is_recurring', f.is_recurring, 'note', f.note,
            'fired_at', to_char(:'at'::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
        ),
        :'at'::timestamptz
    FROM fired AS f
    JOIN market.instruments AS n USING (instrument_id)
    CROSS JOIN unnest(f.minutes, f.prices, f.closes_before) AS c (minute, price, close_before)
    CROSS JOIN LATERAL (SELECT to_char(c.minute AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"') AS minute) AS said
    ORDER BY c.minute, f.alert_id
    ON CONFLICT DO NOTHING
)
SELECT
    (SELECT count(*) FROM firings) AS fired,
    (SELECT count(*) FROM firings WHERE is_late) AS late,
    (SELECT count(*) FROM near WHERE time >= first) AS minutes;
