-- Notes of what has fired, since the first minute of a marked stretch, whether it would still have, as its minutes are now: of the
-- instruments that are marked in it. What has fired stays fired. By the rows' places: joined with itself, a table that has grown
-- since its statistics were taken is gone through again and again.
UPDATE market.alert_firings SET revised_at = CASE WHEN revised_at IS NULL THEN :'at'::timestamptz END
WHERE ctid = ANY (ARRAY(
    SELECT f.ctid
    FROM market.alert_firings AS f
    LEFT JOIN LATERAL (
        SELECT c.open, c.high, c.low, c.close FROM market.candles AS c
        WHERE c.instrument_id = f.instrument_id AND c.time = f.minute AND NOT c.partial
            AND c.time >= :'starts'::timestamptz AND c.time < :'due'::timestamptz + INTERVAL '1 hour'
    ) AS c ON true
    LEFT JOIN LATERAL (
        SELECT b.close FROM market.candles AS b
        WHERE c.close IS NOT NULL AND b.instrument_id = f.instrument_id AND b.time < f.minute AND NOT b.partial
            AND b.time >= :'starts'::timestamptz - INTERVAL '5 days' AND b.time < :'due'::timestamptz + INTERVAL '1 hour'
        ORDER BY b.time DESC
        LIMIT 1
    ) AS b ON true
    WHERE f.minute >= :'starts'::timestamptz AND f.minute < :'due'::timestamptz + INTERVAL '1 hour'
        AND f.instrument_id = ANY (ARRAY(
            SELECT unnest(m.instrument_ids) FROM market.alert_minutes AS m
            WHERE m.minute >= :'starts'::timestamptz AND m.minute < :'ends'::timestamptz
        ))
        AND (f.revised_at IS NULL) <> coalesce(
            CASE
                WHEN f.minute < f.armed_at THEN market.crosses(f.side, f.level, c.open, c.close, c.close)
                ELSE market.crosses(
                    f.side, f.level, coalesce(b.close, market.last_close(f.instrument_id, f.minute)), c.high, c.low
                )
            END,
            false
        )
))
RETURNING revised_at IS NULL AS holds;
