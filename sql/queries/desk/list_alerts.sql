-- Alerts of the user from the one after :after on, at most :most: the one that is named, those of an instrument, of a state, or all.
SELECT
    a.alert_id, n.instrument_key, a.item_id, a.side, a.level, a.is_recurring, a.expires_at, a.note, a.state, a.armed_at,
    (SELECT max(f.minute) FROM market.alert_firings AS f WHERE f.alert_id = a.alert_id) AS fired_minute,
    a.revision, a.created_at, a.updated_at
FROM market.alerts AS a
JOIN market.instruments AS n USING (instrument_id)
WHERE a.alert_id > :'after'::bigint
    AND (:'alert_id'::bigint IS NULL OR a.alert_id = :'alert_id'::bigint)
    AND :'instrument_key' IN ('', n.instrument_key)
    AND :'state' IN ('', a.state)
ORDER BY a.alert_id
LIMIT :'most'::bigint;
