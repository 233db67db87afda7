-- Moods.
CREATE TABLE market.moods (
    instrument_id integer NOT NULL,
    source text NOT NULL CHECK (source <> ''),
    time timestamptz NOT NULL,
    score numeric,
    mentions bigint NOT NULL DEFAULT 1 CHECK (mentions >= 0),
    spread double precision,
    topics integer NOT NULL DEFAULT 0,
    headline text,
    headline_time timestamptz,
    reviewed boolean NOT NULL DEFAULT false,
    PRIMARY KEY (instrument_id, source, time)
);
SELECT create_hypertable('market.moods', by_range('time', INTERVAL '7 days'), create_default_indexes => false);
CREATE INDEX moods_time_idx ON market.moods USING brin (time);

CREATE VIEW market.mood_minutes AS
SELECT instrument_id, time, false AS partial, NULL::bigint AS trades, 'moods' AS source
FROM market.moods GROUP BY instrument_id, time;

CREATE TRIGGER mark_inserted_hours AFTER INSERT ON market.moods
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('moods', 'count', 'refresh');
CREATE TRIGGER mark_updated_hours AFTER UPDATE ON market.moods
    REFERENCING OLD TABLE AS removed NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('moods', 'count', 'refresh');
CREATE TRIGGER mark_deleted_hour AFTER DELETE ON market.moods
    FOR EACH ROW EXECUTE FUNCTION market.mark_hours('moods', 'count', 'refresh');

ALTER TABLE market.gaps ADD CONSTRAINT moods_gaps_open_never_overlap EXCLUDE USING gist (
    box(
        point(instrument_id, date_part('epoch', starts - '2000-01-01 00:00Z'::timestamptz)),
        point(instrument_id, date_part('epoch', ends - '2000-01-01 00:00Z'::timestamptz) - 1)
    ) WITH &&
) WHERE (healed_at IS NULL AND dataset = 'moods') DEFERRABLE INITIALLY DEFERRED;

CREATE MATERIALIZED VIEW market.moods_15m WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    instrument_id, source, time_bucket(INTERVAL '15 minutes', time) AS time,
    first(score, time) AS opened,
    last(headline, headline_time) FILTER (WHERE headline IS NOT NULL AND headline_time IS NOT NULL) AS headline,
    max(headline_time) FILTER (WHERE headline IS NOT NULL AND headline_time IS NOT NULL) AS headline_time,
    max(score) AS highest,
    min(score) AS lowest,
    max(spread) AS spread,
    sum(mentions)::bigint AS mentions,
    count(*) AS rows,
    count(*) FILTER (WHERE reviewed) AS reviews,
    sum(score::numeric * mentions::numeric) AS mood_total,
    sum(mentions::numeric) FILTER (WHERE score IS NOT NULL) AS mood_weight,
    bit_or(topics) AS topics
FROM market.moods
GROUP BY instrument_id, source, time_bucket(INTERVAL '15 minutes', time)
WITH NO DATA;

CREATE MATERIALIZED VIEW market.moods_1h WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    instrument_id, source, time_bucket(INTERVAL '1 hour', time) AS time,
    first(opened, time) AS opened,
    last(headline, headline_time) FILTER (WHERE headline_time IS NOT NULL) AS headline,
    max(headline_time) AS headline_time,
    max(highest) AS highest,
    min(lowest) AS lowest,
    max(spread) AS spread,
    sum(mentions)::bigint AS mentions,
    sum(rows)::bigint AS rows,
    sum(reviews)::bigint AS reviews,
    sum(mood_total) AS mood_total,
    sum(mood_weight) AS mood_weight,
    bit_or(topics) AS topics
FROM market.moods_15m
GROUP BY instrument_id, source, time_bucket(INTERVAL '1 hour', time)
WITH NO DATA;

INSERT INTO market.rollups (dataset, relation, below, width, level, bucket, keys, leaves_out, best_first, fold, merge) VALUES
    ('moods', 'moods_15m', 'moods', INTERVAL '15 minutes', 1, 'time', '{instrument_id,source,time}', NULL, 'rows DESC, mentions DESC',
    'SELECT
    instrument_id, source, time_bucket(INTERVAL ''15 minutes'', time) AS time,
    first(score, time) AS opened,
    last(headline, headline_time) FILTER (WHERE headline IS NOT NULL AND headline_time IS NOT NULL) AS headline,
    max(headline_time) FILTER (WHERE headline IS NOT NULL AND headline_time IS NOT NULL) AS headline_time,
    max(score) AS highest,
    min(score) AS lowest,
    max(spread) AS spread,
    sum(mentions)::bigint AS mentions,
    count(*) AS rows,
    count(*) FILTER (WHERE reviewed) AS reviews,
    sum(score::numeric * mentions::numeric) AS mood_total,
    sum(mentions::numeric) FILTER (WHERE score IS NOT NULL) AS mood_weight,
    bit_or(topics) AS topics
FROM %s
GROUP BY instrument_id, source, time_bucket(INTERVAL ''15 minutes'', time)',
    NULL),
    ('moods', 'moods_1h', 'moods_15m', INTERVAL '1 hour', 2, 'time', '{instrument_id,source,time}', NULL, 'rows DESC, mentions DESC',
    'SELECT
    instrument_id, source, time_bucket(INTERVAL ''1 hour'', time) AS time,
    first(score, time) AS opened,
    last(headline, headline_time) FILTER (WHERE headline IS NOT NULL AND headline_time IS NOT NULL) AS headline,
    max(headline_time) FILTER (WHERE headline IS NOT NULL AND headline_time IS NOT NULL) AS headline_time,
    max(score) AS highest,
    min(score) AS lowest,
    max(spread) AS spread,
    sum(mentions)::bigint AS mentions,
    count(*) AS rows,
    count(*) FILTER (WHERE reviewed) AS reviews,
    sum(score::numeric * mentions::numeric) AS mood_total,
    sum(mentions::numeric) FILTER (WHERE score IS NOT NULL) AS mood_weight,
    bit_or(topics) AS topics
FROM %s
GROUP BY instrument_id, source, time_bucket(INTERVAL ''1 hour'', time)',
    'SELECT
    instrument_id, source, time_bucket(INTERVAL ''1 hour'', time) AS time,
    first(opened, time) AS opened,
    last(headline, headline_time) FILTER (WHERE headline_time IS NOT NULL) AS headline,
    max(headline_time) AS headline_time,
    max(highest) AS highest,
    min(lowest) AS lowest,
    max(spread) AS spread,
    sum(mentions)::bigint AS mentions,
    sum(rows)::bigint AS rows,
    sum(reviews)::bigint AS reviews,
    sum(mood_total) AS mood_total,
    sum(mood_weight) AS mood_weight,
    bit_or(topics) AS topics
FROM %s
GROUP BY instrument_id, source, time_bucket(INTERVAL ''1 hour'', time)');
