-- What changed becomes a message a data set, and is taken with it: one teller at a time, so that messages are numbered in the
-- order in which they are committed.
-- step: lock_changes
-- Before the snapshot that takes the changes.
SELECT pg_advisory_xact_lock(hashtext('market.changes'));

-- step: write_changes
-- Takes changes, the first first, up to :most instruments in all, and writes what they come to. A message names at most
-- :most_named instruments, and as many as fit into :most_bytes. Of :datasets, each timeframe and width is that of its own rows.
WITH reached AS (
    SELECT change_id, sum(coalesce(cardinality(instrument_ids), 0) + 1) OVER (ORDER BY change_id) AS reach
    FROM market.unpublished_changes
), taken AS (
    DELETE FROM market.unpublished_changes AS u
    USING reached AS r
    WHERE u.change_id = r.change_id
        AND (r.reach <= :'most'::bigint OR r.change_id = (SELECT min(change_id) FROM reached))
    RETURNING u.dataset, u.kind, u.timeframes, u.starts, u.ends, u.instrument_ids
), changed AS (
    SELECT
        t.dataset, t.kind, t.starts, t.instrument_ids,
        CASE WHEN t.timeframes = '{}' AND k.timeframe IS NOT NULL THEN ARRAY[k.timeframe] ELSE t.timeframes END AS timeframes,
        -- The end of the last bucket, where rows are of one.
        coalesce(date_bin(k.width, t.ends - INTERVAL '1 microsecond', '2000-01-01 00:00Z') + k.width, t.ends) AS ends
    FROM taken AS t
    LEFT JOIN unnest(:'datasets'::text[], :'timeframes'::text[], :'widths'::interval[]) AS k (dataset, timeframe, width)
        USING (dataset)
), touched AS MATERIALIZED (
    SELECT DISTINCT dataset, kind, timeframes, instrument_id
    FROM changed CROSS JOIN unnest(instrument_ids) AS instrument_id
), parts AS (
    SELECT
        c.dataset, c.kind, c.timeframes, min(c.starts) AS starts, max(c.ends) AS ends,
        CASE WHEN bool_and(c.instrument_ids IS NOT NULL) THEN (
            SELECT count(*) FROM touched AS t
            WHERE t.dataset = c.dataset AND t.kind = c.kind AND t.timeframes = c.timeframes
        ) END AS instrument_count
    FROM changed AS c
    GROUP BY c.dataset, c.kind, c.timeframes
), named AS (
    SELECT
        dataset, count(*) AS instrument_count,
        coalesce(
            jsonb_agg(instrument_key ORDER BY instrument_key COLLATE "C")
                FILTER (WHERE instrument_key IS NOT NULL AND place <= :'most_named'::bigint AND bytes <= :'most_bytes'::bigint),
            '[]'
        ) AS instruments
    FROM (
        SELECT
            dataset, instrument_key,
            row_number() OVER keys AS place,
            sum(octet_length(to_json(instrument_key)::text) + 1) OVER keys AS bytes
        FROM (SELECT DISTINCT dataset, instrument_id FROM touched) AS t
        -- Of one that was removed meanwhile nobody knows the key.
        LEFT JOIN market.instruments USING (instrument_id)
        WINDOW keys AS (PARTITION BY dataset ORDER BY instrument_key COLLATE "C")
    ) AS listed
    GROUP BY dataset
), messages AS (
    SELECT
        nextval('market.outbox_id_seq') AS cursor, p.dataset, p.starts, p.ends, p.kinds, p.changes,
        CASE WHEN p.knows_instruments THEN n.instrument_count END AS instrument_count,
        coalesce(n.instruments, '[]') AS instruments
    FROM (
        SELECT
            dataset, min(starts) AS starts, max(ends) AS ends, jsonb_agg(DISTINCT kind) AS kinds,
            bool_and(instrument_count IS NOT NULL) AS knows_instruments,
            jsonb_agg(
                jsonb_build_object(
                    'kind', kind, 'timeframes', timeframes, 'starts', starts, 'ends', ends, 'instrument_count', instrument_count
                ) ORDER BY kind, timeframes
            ) AS changes
        FROM parts
        GROUP BY dataset
    ) AS p
    LEFT JOIN named AS n USING (dataset)
)
INSERT INTO market.outbox (id, topic, key, group_key, body, created_at) OVERRIDING SYSTEM VALUE
SELECT
    cursor, 'changes', 'change:' || cursor, dataset,
    jsonb_build_object(
        'version', 1, 'cursor', cursor, 'dataset', dataset, 'at', :'at'::timestamptz, 'kinds', kinds,
        'timeframes', (
            SELECT coalesce(jsonb_agg(DISTINCT timeframe), '[]')
            FROM parts AS p CROSS JOIN unnest(p.timeframes) AS timeframe WHERE p.dataset = messages.dataset
        ),
        'starts', starts, 'ends', ends, 'instrument_count', instrument_count, 'instruments', instruments,
        'instruments_left_out', instrument_count - jsonb_array_length(instruments),
        'changes', changes
    ),
    :'at'::timestamptz
FROM messages;
