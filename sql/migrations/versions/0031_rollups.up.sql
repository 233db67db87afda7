-- The one list of roll-ups, written by local/rollups.py: refresh, health, retention, rebuilds and verification go by it.

CREATE TABLE market.rollups (
    dataset text NOT NULL,
    relation text PRIMARY KEY,
    below text NOT NULL,
    width interval NOT NULL,
    level integer NOT NULL,
    bucket text NOT NULL,
    keys text[] NOT NULL,
    leaves_out text,
    best_first text NOT NULL,
    fold text NOT NULL,
    merge text
);
COMMENT ON TABLE market.rollups IS 'The continuous aggregates of every data set, each put here by the migration that makes it. dataset is the table whose rows it is made of.';
COMMENT ON COLUMN market.rollups.below IS 'What it is built on: the data set''s table, or the aggregate one level below.';
COMMENT ON COLUMN market.rollups.width IS 'How long its buckets are.';
COMMENT ON COLUMN market.rollups.level IS 'How many relations lie below.';
COMMENT ON COLUMN market.rollups.bucket IS 'The column that names a bucket.';
COMMENT ON COLUMN market.rollups.keys IS 'The columns by which a row stands once.';
COMMENT ON COLUMN market.rollups.leaves_out IS 'The flag of rows that it is not made of; null: it is made of all.';
COMMENT ON COLUMN market.rollups.best_first IS 'Which of several rows of one key is to be kept: the order in which the best comes first.';
COMMENT ON COLUMN market.rollups.fold IS 'The SELECT that makes it of the data set''s rows; %s stands for where they are.';
COMMENT ON COLUMN market.rollups.merge IS 'The SELECT that makes it of what it is built on; null: as fold.';
-- Which there are is for migrations to say.
REVOKE INSERT, UPDATE, DELETE ON market.rollups FROM chandlery_writer;

INSERT INTO market.rollups (dataset, relation, below, width, level, bucket, keys, leaves_out, best_first, fold, merge) VALUES
    ('candles', 'candles_5m', 'candles', INTERVAL '5 minutes', 1, 'time', '{instrument_id,time}', NULL, 'minutes DESC, volume DESC',
    'SELECT
    instrument_id, time_bucket(INTERVAL ''5 minutes'', time) AS time,
    coalesce(first(open, time) FILTER (WHERE price_eligible), first(open, time)) AS open,
    coalesce(max(high) FILTER (WHERE price_eligible), max(high)) AS high,
    coalesce(min(low) FILTER (WHERE price_eligible), min(low)) AS low,
    coalesce(last(close, time) FILTER (WHERE price_eligible), last(close, time)) AS close,
    sum(volume::numeric) AS volume,
    CASE WHEN count(turnover) = count(*) THEN sum(turnover::numeric) END AS turnover,
    CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
    bool_or(price_eligible) AS price_eligible,
    count(*) FILTER (WHERE NOT partial) AS minutes,
    count(*) FILTER (WHERE partial) AS partial_minutes,
    bit_or(market.source_bit(source)) AS sources
FROM %s
GROUP BY instrument_id, time_bucket(INTERVAL ''5 minutes'', time)',
    NULL),
    ('candles', 'candles_15m', 'candles_5m', INTERVAL '15 minutes', 2, 'time', '{instrument_id,time}', NULL, 'minutes DESC, volume DESC',
    'SELECT
    instrument_id, time_bucket(INTERVAL ''15 minutes'', time) AS time,
    coalesce(first(open, time) FILTER (WHERE price_eligible), first(open, time)) AS open,
    coalesce(max(high) FILTER (WHERE price_eligible), max(high)) AS high,
    coalesce(min(low) FILTER (WHERE price_eligible), min(low)) AS low,
    coalesce(last(close, time) FILTER (WHERE price_eligible), last(close, time)) AS close,
    sum(volume::numeric) AS volume,
    CASE WHEN count(turnover) = count(*) THEN sum(turnover::numeric) END AS turnover,
    CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
    bool_or(price_eligible) AS price_eligible,
    count(*) FILTER (WHERE NOT partial) AS minutes,
    count(*) FILTER (WHERE partial) AS partial_minutes,
    bit_or(market.source_bit(source)) AS sources
FROM %s
GROUP BY instrument_id, time_bucket(INTERVAL ''15 minutes'', time)',
    'SELECT
    instrument_id, time_bucket(INTERVAL ''15 minutes'', time) AS time,
    coalesce(first(open, time) FILTER (WHERE price_eligible), first(open, time)) AS open,
    coalesce(max(high) FILTER (WHERE price_eligible), max(high)) AS high,
    coalesce(min(low) FILTER (WHERE price_eligible), min(low)) AS low,
    coalesce(last(close, time) FILTER (WHERE price_eligible), last(close, time)) AS close,
    sum(volume) AS volume,
    CASE WHEN count(turnover) = count(*) THEN sum(turnover) END AS turnover,
    CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
    bool_or(price_eligible) AS price_eligible,
    sum(minutes)::bigint AS minutes,
    sum(partial_minutes)::bigint AS partial_minutes,
    bit_or(sources) AS sources
FROM %s
GROUP BY instrument_id, time_bucket(INTERVAL ''15 minutes'', time)'),
    ('candles', 'candles_30m', 'candles_15m', INTERVAL '30 minutes', 3, 'time', '{instrument_id,time}', NULL, 'minutes DESC, volume DESC',
    'SELECT
    instrument_id, time_bucket(INTERVAL ''30 minutes'', time) AS time,
    coalesce(first(open, time) FILTER (WHERE price_eligible), first(open, time)) AS open,
    coalesce(max(high) FILTER (WHERE price_eligible), max(high)) AS high,
    coalesce(min(low) FILTER (WHERE price_eligible), min(low)) AS low,
    coalesce(last(close, time) FILTER (WHERE price_eligible), last(close, time)) AS close,
    sum(volume::numeric) AS volume,
    CASE WHEN count(turnover) = count(*) THEN sum(turnover::numeric) END AS turnover,
    CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
    bool_or(price_eligible) AS price_eligible,
    count(*) FILTER (WHERE NOT partial) AS minutes,
    count(*) FILTER (WHERE partial) AS partial_minutes,
    bit_or(market.source_bit(source)) AS sources
FROM %s
GROUP BY instrument_id, time_bucket(INTERVAL ''30 minutes'', time)',
    'SELECT
    instrument_id, time_bucket(INTERVAL ''30 minutes'', time) AS time,
    coalesce(first(open, time) FILTER (WHERE price_eligible), first(open, time)) AS open,
    coalesce(max(high) FILTER (WHERE price_eligible), max(high)) AS high,
    coalesce(min(low) FILTER (WHERE price_eligible), min(low)) AS low,
    coalesce(last(close, time) FILTER (WHERE price_eligible), last(close, time)) AS close,
    sum(volume) AS volume,
    CASE WHEN count(turnover) = count(*) THEN sum(turnover) END AS turnover,
    CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
    bool_or(price_eligible) AS price_eligible,
    sum(minutes)::bigint AS minutes,
    sum(partial_minutes)::bigint AS partial_minutes,
    bit_or(sources) AS sources
FROM %s
GROUP BY instrument_id, time_bucket(INTERVAL ''30 minutes'', time)'),
    ('candles', 'candles_1h', 'candles_30m', INTERVAL '1 hour', 4, 'time', '{instrument_id,time}', NULL, 'minutes DESC, volume DESC',
    'SELECT
    instrument_id, time_bucket(INTERVAL ''1 hour'', time) AS time,
    coalesce(first(open, time) FILTER (WHERE price_eligible), first(open, time)) AS open,
    coalesce(max(high) FILTER (WHERE price_eligible), max(high)) AS high,
    coalesce(min(low) FILTER (WHERE price_eligible), min(low)) AS low,
    coalesce(last(close, time) FILTER (WHERE price_eligible), last(close, time)) AS close,
    sum(volume::numeric) AS volume,
    CASE WHEN count(turnover) = count(*) THEN sum(turnover::numeric) END AS turnover,
    CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
    bool_or(price_eligible) AS price_eligible,
    count(*) FILTER (WHERE NOT partial) AS minutes,
    count(*) FILTER (WHERE partial) AS partial_minutes,
    bit_or(market.source_bit(source)) AS sources
FROM %s
GROUP BY instrument_id, time_bucket(INTERVAL ''1 hour'', time)',
    'SELECT
    instrument_id, time_bucket(INTERVAL ''1 hour'', time) AS time,
    coalesce(first(open, time) FILTER (WHERE price_eligible), first(open, time)) AS open,
    coalesce(max(high) FILTER (WHERE price_eligible), max(high)) AS high,
    coalesce(min(low) FILTER (WHERE price_eligible), min(low)) AS low,
    coalesce(last(close, time) FILTER (WHERE price_eligible), last(close, time)) AS close,
    sum(volume) AS volume,
    CASE WHEN count(turnover) = count(*) THEN sum(turnover) END AS turnover,
    CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
    bool_or(price_eligible) AS price_eligible,
    sum(minutes)::bigint AS minutes,
    sum(partial_minutes)::bigint AS partial_minutes,
    bit_or(sources) AS sources
FROM %s
GROUP BY instrument_id, time_bucket(INTERVAL ''1 hour'', time)'),
    ('candles', 'candles_4h', 'candles_1h', INTERVAL '4 hours', 5, 'time', '{instrument_id,time}', NULL, 'minutes DESC, volume DESC',
    'SELECT
    instrument_id, time_bucket(INTERVAL ''4 hours'', time) AS time,
    coalesce(first(open, time) FILTER (WHERE price_eligible), first(open, time)) AS open,
    coalesce(max(high) FILTER (WHERE price_eligible), max(high)) AS high,
    coalesce(min(low) FILTER (WHERE price_eligible), min(low)) AS low,
    coalesce(last(close, time) FILTER (WHERE price_eligible), last(close, time)) AS close,
    sum(volume::numeric) AS volume,
    CASE WHEN count(turnover) = count(*) THEN sum(turnover::numeric) END AS turnover,
    CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
    bool_or(price_eligible) AS price_eligible,
    count(*) FILTER (WHERE NOT partial) AS minutes,
    count(*) FILTER (WHERE partial) AS partial_minutes,
    bit_or(market.source_bit(source)) AS sources
FROM %s
GROUP BY instrument_id, time_bucket(INTERVAL ''4 hours'', time)',
    'SELECT
    instrument_id, time_bucket(INTERVAL ''4 hours'', time) AS time,
    coalesce(first(open, time) FILTER (WHERE price_eligible), first(open, time)) AS open,
    coalesce(max(high) FILTER (WHERE price_eligible), max(high)) AS high,
    coalesce(min(low) FILTER (WHERE price_eligible), min(low)) AS low,
    coalesce(last(close, time) FILTER (WHERE price_eligible), last(close, time)) AS close,
    sum(volume) AS volume,
    CASE WHEN count(turnover) = count(*) THEN sum(turnover) END AS turnover,
    CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
    bool_or(price_eligible) AS price_eligible,
    sum(minutes)::bigint AS minutes,
    sum(partial_minutes)::bigint AS partial_minutes,
    bit_or(sources) AS sources
FROM %s
GROUP BY instrument_id, time_bucket(INTERVAL ''4 hours'', time)'),
    ('candles', 'candles_1d_parts', 'candles', INTERVAL '1 day', 1, 'day', '{instrument_id,session_date,day}', 'extended', 'minutes DESC, volume DESC',
    'SELECT
    instrument_id, session_date, time_bucket(INTERVAL ''1 day'', time) AS day,
    min(time) AS time,
    coalesce(first(open, time) FILTER (WHERE price_eligible), first(open, time)) AS open,
    coalesce(max(high) FILTER (WHERE price_eligible), max(high)) AS high,
    coalesce(min(low) FILTER (WHERE price_eligible), min(low)) AS low,
    coalesce(last(close, time) FILTER (WHERE price_eligible), last(close, time)) AS close,
    sum(volume::numeric) AS volume,
    CASE WHEN count(turnover) = count(*) THEN sum(turnover::numeric) END AS turnover,
    CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
    bool_or(price_eligible) AS price_eligible,
    count(*) FILTER (WHERE NOT partial) AS minutes,
    count(*) FILTER (WHERE partial) AS partial_minutes,
    bit_or(market.source_bit(source)) AS sources
FROM %s
WHERE NOT extended
GROUP BY instrument_id, session_date, time_bucket(INTERVAL ''1 day'', time)',
    NULL);

ANALYZE market.rollups;
