-- How ticks are written that may be stored already, in running order, in the caller's transaction.

-- step: create_staged_ticks
-- Where ticks wait while those already stored are sorted out; no index, so that COPY runs at full speed.
CREATE TEMPORARY TABLE IF NOT EXISTS staged_ticks (
    LIKE market.ticks INCLUDING DEFAULTS,
    place bigint GENERATED ALWAYS AS IDENTITY
) ON COMMIT DROP;

-- step: empty_staged_ticks
-- Makes room for the next lot, whose places count from 1.
TRUNCATE staged_ticks RESTART IDENTITY;

-- step: copy_staged_ticks
-- Streams ticks into staged_ticks, in binary.
COPY staged_ticks (time, instrument_id, seq, price, size, updates_ohlc, updates_volume, venue, conditions)
FROM STDIN (FORMAT binary);

-- or step: fill_staged_ticks
-- Hands ticks that come as arrays of equal length on as staged_ticks: the way for a database that cannot COPY.
INSERT INTO staged_ticks (instrument_id, time, seq, price, size, updates_ohlc, updates_volume, venue, conditions)
SELECT :'instrument_id'::integer, tick.*
FROM unnest(
    :'times'::timestamptz[], :'seqs'::bigint[], :'prices'::numeric[], :'sizes'::numeric[],
    :'updates_ohlc'::boolean[], :'updates_volume'::boolean[], :'venues'::text[], :'conditions'::text[]
) AS tick;

-- step: insert_staged_ticks
-- Moves staged_ticks on: of several with one (instrument, time, seq) the first, and none whose key is stored already.
INSERT INTO market.ticks (time, instrument_id, seq, price, size, updates_ohlc, updates_volume, venue, conditions)
SELECT time, instrument_id, seq, price, size, updates_ohlc, updates_volume, venue, conditions
FROM staged_ticks
ORDER BY place
ON CONFLICT DO NOTHING;

-- step: cancel_ticks
-- Cancels stored ticks of an instrument, all inside one stretch, named by arrays of their times and seqs.
UPDATE market.ticks AS stored SET cancelled = true
FROM unnest(:'times'::timestamptz[], :'seqs'::bigint[]) AS told (time, seq)
WHERE stored.instrument_id = :'instrument_id'::integer AND stored.time = told.time AND stored.seq = told.seq
    AND stored.time >= :'starts'::timestamptz AND stored.time <= :'ends'::timestamptz
    AND NOT stored.cancelled;

-- step: list_conflicts
-- Rows of staged_ticks whose key is stored with other content: the first few, and how many there are in all.
-- A column that the file does not have contradicts nothing; neither does a tick that is cancelled.
WITH named AS (
    SELECT
        s.place, s.time, s.seq, s.price, s.size, s.updates_ohlc, s.updates_volume, s.venue, s.conditions,
        stored.price AS stored_price, stored.size AS stored_size, stored.updates_ohlc AS stored_updates_ohlc,
        stored.updates_volume AS stored_updates_volume, stored.venue AS stored_venue,
        stored.conditions AS stored_conditions, count(*) OVER () AS conflicts
    FROM staged_ticks AS s
    JOIN market.ticks AS stored
        ON stored.instrument_id = :'instrument_id'::integer AND stored.time = s.time AND stored.seq = s.seq
        AND stored.time >= :'starts'::timestamptz AND stored.time <= :'ends'::timestamptz
    WHERE NOT stored.cancelled AND (
        stored.price <> s.price OR stored.size <> s.size
        OR (stored.updates_ohlc <> s.updates_ohlc AND 'updates_ohlc' = ANY (:'given'::text[]))
        OR (stored.updates_volume <> s.updates_volume AND 'updates_volume' = ANY (:'given'::text[]))
        OR (stored.venue IS DISTINCT FROM s.venue AND 'venue' = ANY (:'given'::text[]))
        OR (stored.conditions IS DISTINCT FROM s.conditions AND 'conditions' = ANY (:'given'::text[]))
    )
    ORDER BY s.place
    LIMIT :'most'::integer
)
SELECT named.*, (
    SELECT min(same.place) FROM staged_ticks AS same
    WHERE same.time = named.time AND same.seq = named.seq
        AND (same.price, same.size, same.updates_ohlc, same.updates_volume, same.venue, same.conditions)
            IS NOT DISTINCT FROM
        (stored_price, stored_size, stored_updates_ohlc, stored_updates_volume, stored_venue, stored_conditions)
) AS stored_place
FROM named
ORDER BY place;

-- step: replace_ticks
-- Corrects stored ticks: of several rows of staged_ticks with one key the last one holds. Columns that the file does not
-- have keep what is stored, and what is cancelled stays so.
UPDATE market.ticks AS stored SET
    price = s.price, size = s.size, updates_ohlc = s.updates_ohlc, updates_volume = s.updates_volume, venue = s.venue,
    conditions = s.conditions
FROM (
    SELECT DISTINCT ON (n.time, n.seq)
        n.time, n.seq, n.price, n.size,
        CASE WHEN 'updates_ohlc' = ANY (:'given'::text[]) THEN n.updates_ohlc ELSE o.updates_ohlc END AS updates_ohlc,
        CASE WHEN 'updates_volume' = ANY (:'given'::text[]) THEN n.updates_volume ELSE o.updates_volume END AS updates_volume,
        CASE WHEN 'venue' = ANY (:'given'::text[]) THEN n.venue ELSE o.venue END AS venue,
        CASE WHEN 'conditions' = ANY (:'given'::text[]) THEN n.conditions ELSE o.conditions END AS conditions
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
