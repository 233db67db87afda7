-- Takes the marks of a stretch of minutes, and fires what crossed in them: all in one statement, whatever the number of alerts.
-- A minute counts with the close of the complete candle before it, however long ago that was. So with a minute that changed the
-- next one is looked at as well; minutes between the first and the last that changed may be looked at for nothing. What has fired
-- never fires again for the same minute; where it would not have, as the minute is now, that is noted.
WITH taken AS (
    DELETE FROM market.alert_minutes
    WHERE minute >= :'starts'::timestamptz AND minute < :'ends'::timestamptz
    RETURNING minute, instrument_ids
), spans AS MATERIALIZED (
    -- Of instruments with an alert that may fire, or one that did.
    SELECT i.instrument_id, min(t.minute) AS first, max(t.minute) AS last
    FROM taken AS t
    CROSS JOIN unnest(t.instrument_ids) AS i (instrument_id)
    WHERE i.instrument_id IN (
        SELECT a.instrument_id FROM market.alerts AS a WHERE a.state = 'armed'
        UNION
        SELECT a.instrument_id FROM market.alerts AS a WHERE a.state = 'expired' AND a.expires_at > :'starts'::timestamptz
        UNION
        SELECT a.instrument_id
        FROM market.alert_firings AS f
        JOIN market.alerts AS a USING (alert_id)
        WHERE f.minute >= :'starts'::timestamptz
    )
    GROUP BY i.instrument_id
), near AS MATERIALIZED (
    -- The minute before a minute is nearly always there: one read of a stretch finds most closes before.
    SELECT
        c.instrument_id, c.time, c.open, c.high, c.low, c.close,
        lag(c.time) OVER in_order AS before_at, lag(c.close) OVER in_order AS close_before
    FROM spans AS s
    JOIN market.candles AS c USING (instrument_id)
    WHERE c.time >= :'starts'::timestamptz - INTERVAL '3 minutes' AND c.time < :'ends'::timestamptz + INTERVAL '3 minutes'
        AND c.time < :'due'::timestamptz AND NOT c.partial
    WINDOW in_order AS (PARTITION BY c.instrument_id ORDER BY c.time)
), changed AS (
    SELECT n.instrument_id, n.time, n.open, n.high, n.low, n.close, n.close_before
    FROM near AS n
    JOIN spans AS s USING (instrument_id)
    WHERE n.time >= s.first AND (n.before_at <= s.last OR n.before_at IS NULL)
    UNION ALL
    -- The next one, where it is not near.
    SELECT s.instrument_id, f.time, f.open, f.high, f.low, f.close, null
    FROM spans AS s
    CROSS JOIN LATERAL (
        SELECT c.time, c.open, c.high, c.low, c.close
        FROM market.candles AS c
        WHERE c.instrument_id = s.instrument_id AND NOT c.partial
            AND c.time >= :'ends'::timestamptz + INTERVAL '3 minutes' AND c.time < :'due'::timestamptz
        ORDER BY c.time
        LIMIT 1
    ) AS f
    WHERE :'ends'::timestamptz + INTERVAL '3 minutes' < :'due'::timestamptz
        AND NOT EXISTS (SELECT FROM near AS n WHERE n.instrument_id = s.instrument_id AND n.time > s.last)
), evaluated AS MATERIALIZED (
    -- A weekend is probed for, and what is longer is asked apart.
    SELECT
        c.instrument_id, c.time, c.open, c.high, c.low, c.close,
        coalesce(c.close_before, b.close, market.last_close(c.instrument_id, c.time)) AS close_before
    FROM changed AS c
    LEFT JOIN LATERAL (
        SELECT b.close
        FROM market.candles AS b
        WHERE c.close_before IS NULL AND b.instrument_id = c.instrument_id AND b.time < c.time AND NOT b.partial
            AND b.time >= :'starts'::timestamptz - INTERVAL '5 days' AND b.time < :'due'::timestamptz
        ORDER BY b.time DESC
        LIMIT 1
    ) AS b ON true
), crossings AS MATERIALIZED (
    SELECT
        a.alert_id, a.user_id, a.instrument_id, a.side, a.level, a.is_recurring, a.note, a.armed_at, a.revision, e.time AS minute,
        CASE WHEN e.time < a.armed_at THEN e.close WHEN a.side = 'high' THEN e.high ELSE e.low END AS price, e.close_before,
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
    FROM (SELECT DISTINCT alert_id, revision FROM crossings) AS c
    WHERE a.alert_id = c.alert_id AND a.revision = c.revision
    RETURNING a.alert_id
), firings AS (
    INSERT INTO market.alert_firings (
        alert_id, minute, user_id, side, level, price, close_before, armed_at, fired_at, is_late
    )
    SELECT
        c.alert_id, c.minute, c.user_id, c.side, c.level, c.price, c.close_before, c.armed_at, :'at'::timestamptz,
        c.minute < :'due'::timestamptz - INTERVAL '1 minute'
    FROM crossings AS c
    JOIN fired USING (alert_id)
    WHERE c.is_recurring OR c.nth = 1
    ON CONFLICT DO NOTHING
    RETURNING *
), told AS (
    INSERT INTO market.outbox (topic, key, group_key, body, created_at)
    SELECT
        'alerts', m.key, 'alert:' || f.alert_id,
        jsonb_build_object(
            'key', m.key, 'alert_id', f.alert_id, 'user_id', f.user_id, 'instrument_key', n.instrument_key, 'side', f.side,
            'level', f.level, 'minute', m.minute, 'price', f.price, 'close_before', f.close_before,
            'is_late', f.is_late, 'is_recurring', c.is_recurring, 'note', c.note,
            'fired_at', to_char(:'at'::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
        ),
        :'at'::timestamptz
    FROM firings AS f
    JOIN crossings AS c ON c.alert_id = f.alert_id AND c.minute = f.minute
    JOIN market.instruments AS n ON n.instrument_id = c.instrument_id
    CROSS JOIN LATERAL (
        SELECT minute, format('alert:%s:%s', f.alert_id, minute) AS key
        FROM to_char(f.minute AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"') AS minute
    ) AS m
    ORDER BY f.minute, f.alert_id
    ON CONFLICT DO NOTHING
), revised AS (
    UPDATE market.alert_firings AS f SET revised_at = CASE WHEN g.holds THEN null ELSE :'at'::timestamptz END
    FROM (
        SELECT
            f.alert_id, f.minute,
            coalesce(
                CASE
                    WHEN f.minute < f.armed_at THEN market.crosses(f.side, f.level, e.open, e.close, e.close)
                    ELSE market.crosses(f.side, f.level, e.close_before, e.high, e.low)
                END,
                false
            ) AS holds
        FROM market.alert_firings AS f
        JOIN market.alerts AS a USING (alert_id)
        JOIN spans AS s USING (instrument_id)
        LEFT JOIN evaluated AS e ON e.instrument_id = a.instrument_id AND e.time = f.minute
        WHERE f.minute >= :'starts'::timestamptz AND (e.time IS NOT NULL OR f.minute BETWEEN s.first AND s.last)
    ) AS g
    WHERE f.alert_id = g.alert_id AND f.minute = g.minute AND g.holds <> (f.revised_at IS NULL)
    RETURNING f.revised_at
)
SELECT
    (SELECT count(*) FROM firings) AS fired,
    (SELECT count(*) FILTER (WHERE is_late) FROM firings) AS late,
    (SELECT count(*) FILTER (WHERE revised_at IS NOT NULL) FROM revised) AS revised,
    (SELECT count(*) FROM evaluated) AS minutes;
