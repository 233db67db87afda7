-- Corrects stored ticks: of several rows of staged_ticks with one key the last one holds. Columns that the file does not
-- have keep what is stored, and what is cancelled stays so.
UPDATE market.ticks AS stored SET
    price = s.price, size = s.size, updates_ohlc = s.updates_ohlc, updates_volume = s.updates_volume, venue = s.venue,
    conditions = s.conditions
FROM (
    SELECT DISTINCT ON (n.time, n.seq)
        n.time, n.seq, n.price, n.size,
        CASE WHEN 'updates_ohlc' = ANY (:'told'::text[]) THEN n.updates_ohlc ELSE o.updates_ohlc END AS updates_ohlc,
        CASE WHEN 'updates_volume' = ANY (:'told'::text[]) THEN n.updates_volume ELSE o.updates_volume END AS updates_volume,
        CASE WHEN 'venue' = ANY (:'told'::text[]) THEN n.venue ELSE o.venue END AS venue,
        CASE WHEN 'conditions' = ANY (:'told'::text[]) THEN n.conditions ELSE o.conditions END AS conditions
    FROM staged_ticks AS n
    JOIN market.ticks AS o
        ON o.instrument_id = :'instrument_id'::integer AND o.time = n.time AND o.seq = n.seq
        AND o.time >= :'starts'::timestamptz AND o.time <= :'ends'::timestamptz
    ORDER BY n.time, n.seq, n.place DESC
) AS s
WHERE stored.instrument_id = :'instrument_id'::integer AND stored.time = s.time AND stored.seq = s.seq
    AND stored.time >= :'starts'::timestamptz AND stored.time <= :'ends'::timestamptz
    AND NOT stored.cancelled
    AND (stored.price, stored.size, stored.updates_ohlc, stored.updates_volume, stored.venue, stored.conditions)
        IS DISTINCT FROM (s.price, s.size, s.updates_ohlc, s.updates_volume, s.venue, s.conditions);
