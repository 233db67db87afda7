-- Sentiment: how what is said of an instrument sounds. Flows: what moved onto a venue and off it.

CREATE TABLE market.sentiment (
    instrument_id integer NOT NULL,
    source text COLLATE "C" NOT NULL CHECK (source <> ''),
    time timestamptz NOT NULL CHECK (isfinite(time)),
    item_id text COLLATE "C" NOT NULL CHECK (item_id <> ''),
    score numeric NOT NULL CHECK (score >= -1 AND score <= 1),
    -- NaN and Infinity sort above every number, so one bound refuses both: here and below.
    weight numeric NOT NULL DEFAULT 1 CHECK (weight >= 0 AND weight < 'Infinity'),
    label text,
    received_at timestamptz CHECK (isfinite(received_at)),
    positive boolean NOT NULL,
    negative boolean NOT NULL,
    neutral boolean NOT NULL,
    PRIMARY KEY (instrument_id, source, time, item_id)
);
SELECT create_hypertable('market.sentiment', by_range('time', INTERVAL '7 days'), create_default_indexes => false);
CREATE INDEX sentiment_time_idx ON market.sentiment USING brin (time);
COMMENT ON TABLE market.sentiment IS 'What is said of instruments, an item a row: a post, a headline, or what a vendor sums up of many.';
COMMENT ON COLUMN market.sentiment.score IS 'From -1 to 1; above 0.05 it is positive, below -0.05 negative, else neutral.';
COMMENT ON COLUMN market.sentiment.weight IS 'What the score counts for in means: mentions, reach; 1 where that is not known.';
COMMENT ON COLUMN market.sentiment.received_at IS 'When it came to the desk; null: not known.';

CREATE TABLE market.flows (
    instrument_id integer NOT NULL,
    venue text COLLATE "C" NOT NULL CHECK (venue <> ''),
    time timestamptz NOT NULL CHECK (isfinite(time)),
    tx text COLLATE "C" NOT NULL CHECK (tx <> ''),
    leg bigint NOT NULL,
    direction text COLLATE "C" NOT NULL CHECK (direction IN ('in', 'out')),
    amount numeric NOT NULL CHECK (amount >= 0 AND amount < 'Infinity'),
    usd numeric CHECK (usd >= 0 AND usd < 'Infinity'),
    confirmed boolean,
    cancelled boolean NOT NULL DEFAULT false,
    label_version text,
    received_at timestamptz CHECK (isfinite(received_at)),
    taken_off numeric NOT NULL DEFAULT 0,
    counted numeric NOT NULL,
    counted_usd numeric,
    comes_in boolean NOT NULL,
    goes_out boolean NOT NULL,
    -- The time last: it finds the other legs of a transaction too, whenever they were.
    PRIMARY KEY (instrument_id, venue, tx, leg, time)
);
SELECT create_hypertable('market.flows', by_range('time', INTERVAL '7 days'), create_default_indexes => false);
CREATE INDEX flows_time_idx ON market.flows USING brin (time);
COMMENT ON TABLE market.flows IS 'What moved onto a venue and off it, a leg of a transaction a row.';
COMMENT ON COLUMN market.flows.direction IS 'in: onto the venue; out: off it.';
COMMENT ON COLUMN market.flows.amount IS 'In units of the instrument, exact: 256 bits fit.';
COMMENT ON COLUMN market.flows.usd IS 'What it was worth when it moved; null: not known.';
COMMENT ON COLUMN market.flows.cancelled IS 'Taken back for good: a reorganised chain no longer has it.';
COMMENT ON COLUMN market.flows.label_version IS 'Which edition of the labels said whose addresses these are.';
COMMENT ON COLUMN market.flows.received_at IS 'When it came to the desk; null: not known.';
COMMENT ON COLUMN market.flows.taken_off IS 'What of the amount moved inside the venue, as market.net_transactions finds it.';
COMMENT ON COLUMN market.flows.counted IS 'What counts: amount less taken_off; nothing where it is cancelled.';
COMMENT ON COLUMN market.flows.counted_usd IS 'The same share of usd.';

-- Whoever sends rows need do no more than write them.
GRANT SELECT, INSERT, UPDATE, DELETE ON market.sentiment, market.flows TO chandlery_producer;

-- The functions of the triggers, as this migration needs them.
CREATE OR REPLACE FUNCTION market.grade_item() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.weight := coalesce(NEW.weight, 1);
    NEW.positive := NEW.score > 0.05;
    NEW.negative := NEW.score < -0.05;
    NEW.neutral := NEW.score BETWEEN -0.05 AND 0.05;
    RETURN NEW;
END
$$;
CREATE OR REPLACE FUNCTION market.count_leg() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.taken_off := coalesce(NEW.taken_off, 0);
    IF NEW.taken_off = 0 AND NOT NEW.cancelled THEN
        NEW.counted := NEW.amount;
        NEW.counted_usd := NEW.usd;
    ELSE
        NEW.counted := CASE WHEN NEW.cancelled THEN 0 ELSE greatest(NEW.amount - NEW.taken_off, 0) END;
        -- The same share of what it was worth, cut off after 18 decimals.
        NEW.counted_usd := CASE
            WHEN NEW.counted > 0 THEN div(NEW.usd * NEW.counted * 1000000000000000000, NEW.amount) * 0.000000000000000001
        END;
    END IF;
    NEW.comes_in := NEW.counted > 0 AND NEW.direction = 'in';
    NEW.goes_out := NEW.counted > 0 AND NEW.direction = 'out';
    RETURN NEW;
END
$$;
CREATE OR REPLACE FUNCTION market.lock_legs() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Before the first row: who waits for another's row while that one waits for the lock would wait for ever.
    PERFORM pg_advisory_xact_lock(hashtext('market.legs'));
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION market.net_transactions(
    instrument_ids integer[], venues text[], txs text[], directions text[], are_netted boolean[]
) RETURNS void
-- Without a time nothing excludes a chunk: looking for one to exclude takes a third of a probe.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timescaledb.enable_chunk_append = off AS $$
BEGIN
    WITH touched AS (
        SELECT * FROM unnest(instrument_ids, venues, txs, directions, are_netted) AS t (instrument_id, venue, tx, direction, is_netted)
    ), netted AS MATERIALIZED (
        -- By a probe of the index each: nearly no transaction has legs of both directions at one venue.
        SELECT DISTINCT instrument_id, venue, tx
        FROM touched AS t
        WHERE t.is_netted OR (
            SELECT true FROM market.flows AS f
            WHERE f.instrument_id = t.instrument_id AND f.venue = t.venue AND f.tx = t.tx
                AND f.direction = CASE t.direction WHEN 'in' THEN 'out' ELSE 'in' END
            LIMIT 1
        )
    ), legs AS (
        SELECT
            f.instrument_id, f.venue, f.time, f.tx, f.leg, f.direction, f.amount, f.cancelled, f.taken_off,
            CASE WHEN NOT f.cancelled THEN f.amount ELSE 0 END AS live
        FROM netted AS n
        CROSS JOIN LATERAL (
            SELECT f.instrument_id, f.venue, f.time, f.tx, f.leg, f.direction, f.amount, f.cancelled, f.taken_off
            FROM market.flows AS f
            WHERE f.instrument_id = n.instrument_id AND f.venue = n.venue AND f.tx = n.tx
            OFFSET 0
        ) AS f
    ), summed AS (
        SELECT
            legs.*,
            least(
                coalesce(sum(live) FILTER (WHERE direction = 'in') OVER whole, 0),
                coalesce(sum(live) FILTER (WHERE direction = 'out') OVER whole, 0)
            ) AS moved_inside,
            sum(live) OVER side - live AS before
        FROM legs
        WINDOW whole AS (PARTITION BY instrument_id, venue, tx),
            side AS (PARTITION BY instrument_id, venue, tx, direction ORDER BY leg, time)
    ), expected AS (
        SELECT *, least(live, greatest(moved_inside - before, 0)) AS due FROM summed
    )
    -- An upsert finds rows in columns by their key, where an update of several would look through all of them.
    INSERT INTO market.flows AS stored (instrument_id, venue, time, tx, leg, direction, amount, cancelled, taken_off)
    SELECT instrument_id, venue, time, tx, leg, direction, amount, cancelled, due FROM expected WHERE due <> taken_off
    ON CONFLICT (instrument_id, venue, time, tx, leg) DO UPDATE SET taken_off = excluded.taken_off;
END
$$;
CREATE OR REPLACE FUNCTION market.net_legs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM market.net_transactions(
            ARRAY[OLD.instrument_id], ARRAY[OLD.venue], ARRAY[OLD.tx], ARRAY[OLD.direction], ARRAY[OLD.taken_off <> 0]
        );
    -- Netting writes as well, nothing at its end.
    ELSIF NOT EXISTS (SELECT FROM written) THEN
        RETURN NULL;
    ELSIF TG_OP = 'INSERT' THEN
        PERFORM market.net_transactions(
            array_agg(instrument_id), array_agg(venue), array_agg(tx), array_agg(direction), array_agg(is_netted)
        )
        FROM (
            SELECT instrument_id, venue, tx, direction, bool_or(taken_off <> 0) AS is_netted
            FROM written GROUP BY 1, 2, 3, 4
        ) AS touched;
    ELSE
        PERFORM market.net_transactions(
            array_agg(instrument_id), array_agg(venue), array_agg(tx), array_agg(direction), array_agg(is_netted)
        )
        FROM (
            SELECT instrument_id, venue, tx, direction, bool_or(taken_off <> 0) AS is_netted
            FROM (
                SELECT instrument_id, venue, tx, direction, taken_off FROM removed
                UNION ALL SELECT instrument_id, venue, tx, direction, taken_off FROM written
            ) AS ends
            GROUP BY 1, 2, 3, 4
        ) AS touched;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER grade_item BEFORE INSERT OR UPDATE ON market.sentiment
    FOR EACH ROW EXECUTE FUNCTION market.grade_item();

CREATE TRIGGER lock_legs BEFORE INSERT OR UPDATE OR DELETE ON market.flows
    FOR EACH STATEMENT EXECUTE FUNCTION market.lock_legs();
CREATE TRIGGER count_leg BEFORE INSERT OR UPDATE ON market.flows
    FOR EACH ROW EXECUTE FUNCTION market.count_leg();
CREATE TRIGGER net_inserted_legs AFTER INSERT ON market.flows
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.net_legs();
CREATE TRIGGER net_updated_legs AFTER UPDATE ON market.flows
    REFERENCING OLD TABLE AS removed NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION market.net_legs();
CREATE TRIGGER net_deleted_leg AFTER DELETE ON market.flows
    FOR EACH ROW EXECUTE FUNCTION market.net_legs();

CREATE TRIGGER mark_inserted_hours AFTER INSERT ON market.sentiment
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('sentiment', 'refresh');
CREATE TRIGGER mark_updated_hours AFTER UPDATE ON market.sentiment
    REFERENCING OLD TABLE AS removed NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('sentiment', 'refresh');
CREATE TRIGGER mark_deleted_hour AFTER DELETE ON market.sentiment
    FOR EACH ROW EXECUTE FUNCTION market.mark_hours('sentiment', 'refresh');

CREATE MATERIALIZED VIEW market.sentiment_1h WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    instrument_id, source, time_bucket(INTERVAL '1 hour', time) AS time,
    sum(score::numeric * weight::numeric) AS score_total,
    sum(weight::numeric) FILTER (WHERE score IS NOT NULL) AS score_weight,
    sum(weight::numeric) AS weight,
    count(*) AS items,
    count(*) FILTER (WHERE positive) AS positive,
    count(*) FILTER (WHERE negative) AS negative,
    count(*) FILTER (WHERE neutral) AS neutral
FROM market.sentiment
GROUP BY instrument_id, source, time_bucket(INTERVAL '1 hour', time)
WITH NO DATA;

CREATE MATERIALIZED VIEW market.sentiment_1d WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    instrument_id, source, time_bucket(INTERVAL '1 day', time) AS time,
    sum(score_total) AS score_total,
    sum(score_weight) AS score_weight,
    sum(weight) AS weight,
    sum(items)::bigint AS items,
    sum(positive)::bigint AS positive,
    sum(negative)::bigint AS negative,
    sum(neutral)::bigint AS neutral
FROM market.sentiment_1h
GROUP BY instrument_id, source, time_bucket(INTERVAL '1 day', time)
WITH NO DATA;

INSERT INTO market.rollups (dataset, relation, below, width, level, bucket, keys, leaves_out, best_first, fold, merge) VALUES
    ('sentiment', 'sentiment_1h', 'sentiment', INTERVAL '1 hour', 1, 'time', '{instrument_id,source,time}', NULL, 'items DESC, weight DESC',
    'SELECT
    instrument_id, source, time_bucket(INTERVAL ''1 hour'', time) AS time,
    sum(score::numeric * weight::numeric) AS score_total,
    sum(weight::numeric) FILTER (WHERE score IS NOT NULL) AS score_weight,
    sum(weight::numeric) AS weight,
    count(*) AS items,
    count(*) FILTER (WHERE positive) AS positive,
    count(*) FILTER (WHERE negative) AS negative,
    count(*) FILTER (WHERE neutral) AS neutral
FROM %s
GROUP BY instrument_id, source, time_bucket(INTERVAL ''1 hour'', time)',
    NULL),
    ('sentiment', 'sentiment_1d', 'sentiment_1h', INTERVAL '1 day', 2, 'time', '{instrument_id,source,time}', NULL, 'items DESC, weight DESC',
    'SELECT
    instrument_id, source, time_bucket(INTERVAL ''1 day'', time) AS time,
    sum(score::numeric * weight::numeric) AS score_total,
    sum(weight::numeric) FILTER (WHERE score IS NOT NULL) AS score_weight,
    sum(weight::numeric) AS weight,
    count(*) AS items,
    count(*) FILTER (WHERE positive) AS positive,
    count(*) FILTER (WHERE negative) AS negative,
    count(*) FILTER (WHERE neutral) AS neutral
FROM %s
GROUP BY instrument_id, source, time_bucket(INTERVAL ''1 day'', time)',
    'SELECT
    instrument_id, source, time_bucket(INTERVAL ''1 day'', time) AS time,
    sum(score_total) AS score_total,
    sum(score_weight) AS score_weight,
    sum(weight) AS weight,
    sum(items)::bigint AS items,
    sum(positive)::bigint AS positive,
    sum(negative)::bigint AS negative,
    sum(neutral)::bigint AS neutral
FROM %s
GROUP BY instrument_id, source, time_bucket(INTERVAL ''1 day'', time)');

CREATE TRIGGER mark_inserted_hours AFTER INSERT ON market.flows
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('flows', 'refresh');
CREATE TRIGGER mark_updated_hours AFTER UPDATE ON market.flows
    REFERENCING OLD TABLE AS removed NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('flows', 'refresh');
CREATE TRIGGER mark_deleted_hour AFTER DELETE ON market.flows
    FOR EACH ROW EXECUTE FUNCTION market.mark_hours('flows', 'refresh');

CREATE MATERIALIZED VIEW market.flows_1h WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    instrument_id, venue, time_bucket(INTERVAL '1 hour', time) AS time,
    sum(counted::numeric) FILTER (WHERE comes_in) AS in_amount,
    sum(counted::numeric) FILTER (WHERE goes_out) AS out_amount,
    sum(counted_usd::numeric) FILTER (WHERE comes_in) AS in_usd,
    sum(counted_usd::numeric) FILTER (WHERE goes_out) AS out_usd,
    count(*) FILTER (WHERE comes_in) AS in_count,
    count(*) FILTER (WHERE goes_out) AS out_count
FROM market.flows
GROUP BY instrument_id, venue, time_bucket(INTERVAL '1 hour', time)
WITH NO DATA;

CREATE MATERIALIZED VIEW market.flows_1d WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    instrument_id, venue, time_bucket(INTERVAL '1 day', time) AS time,
    sum(in_amount) AS in_amount,
    sum(out_amount) AS out_amount,
    sum(in_usd) AS in_usd,
    sum(out_usd) AS out_usd,
    sum(in_count)::bigint AS in_count,
    sum(out_count)::bigint AS out_count
FROM market.flows_1h
GROUP BY instrument_id, venue, time_bucket(INTERVAL '1 day', time)
WITH NO DATA;

INSERT INTO market.rollups (dataset, relation, below, width, level, bucket, keys, leaves_out, best_first, fold, merge) VALUES
    ('flows', 'flows_1h', 'flows', INTERVAL '1 hour', 1, 'time', '{instrument_id,venue,time}', NULL, 'in_count DESC, in_amount DESC',
    'SELECT
    instrument_id, venue, time_bucket(INTERVAL ''1 hour'', time) AS time,
    sum(counted::numeric) FILTER (WHERE comes_in) AS in_amount,
    sum(counted::numeric) FILTER (WHERE goes_out) AS out_amount,
    sum(counted_usd::numeric) FILTER (WHERE comes_in) AS in_usd,
    sum(counted_usd::numeric) FILTER (WHERE goes_out) AS out_usd,
    count(*) FILTER (WHERE comes_in) AS in_count,
    count(*) FILTER (WHERE goes_out) AS out_count
FROM %s
GROUP BY instrument_id, venue, time_bucket(INTERVAL ''1 hour'', time)',
    NULL),
    ('flows', 'flows_1d', 'flows_1h', INTERVAL '1 day', 2, 'time', '{instrument_id,venue,time}', NULL, 'in_count DESC, in_amount DESC',
    'SELECT
    instrument_id, venue, time_bucket(INTERVAL ''1 day'', time) AS time,
    sum(counted::numeric) FILTER (WHERE comes_in) AS in_amount,
    sum(counted::numeric) FILTER (WHERE goes_out) AS out_amount,
    sum(counted_usd::numeric) FILTER (WHERE comes_in) AS in_usd,
    sum(counted_usd::numeric) FILTER (WHERE goes_out) AS out_usd,
    count(*) FILTER (WHERE comes_in) AS in_count,
    count(*) FILTER (WHERE goes_out) AS out_count
FROM %s
GROUP BY instrument_id, venue, time_bucket(INTERVAL ''1 day'', time)',
    'SELECT
    instrument_id, venue, time_bucket(INTERVAL ''1 day'', time) AS time,
    sum(in_amount) AS in_amount,
    sum(out_amount) AS out_amount,
    sum(in_usd) AS in_usd,
    sum(out_usd) AS out_usd,
    sum(in_count)::bigint AS in_count,
    sum(out_count)::bigint AS out_count
FROM %s
GROUP BY instrument_id, venue, time_bucket(INTERVAL ''1 day'', time)');

-- Default privileges know no difference between a table and an aggregate.
REVOKE INSERT, UPDATE, DELETE
    ON market.sentiment_1h, market.sentiment_1d, market.flows_1h, market.flows_1d FROM chandlery_writer;
