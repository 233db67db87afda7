-- Signals: what strategies say about instruments; which rules are kept up, and what waits to be judged by them.

CREATE TABLE market.signals (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    strategy text COLLATE "C" NOT NULL CHECK (strategy <> ''),
    strategy_version text COLLATE "C" NOT NULL CHECK (strategy_version <> ''),
    instrument_id integer NOT NULL REFERENCES market.instruments ON DELETE CASCADE,
    timeframe text COLLATE "C" NOT NULL,
    time timestamptz NOT NULL CHECK (isfinite(time)),
    known_at timestamptz NOT NULL CHECK (isfinite(known_at) AND known_at >= time),
    direction smallint NOT NULL CHECK (direction BETWEEN -2 AND 2),
    strength double precision CHECK (strength >= 0 AND strength <= 1),
    confidence double precision CHECK (confidence >= 0 AND confidence <= 1),
    price numeric,
    target_price numeric,
    stop_loss numeric,
    rationale text NOT NULL DEFAULT '',
    indicators_used jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(indicators_used) = 'array'),
    generated_at timestamptz NOT NULL CHECK (isfinite(generated_at)),
    expires_at timestamptz NOT NULL CHECK (isfinite(expires_at)),
    backfilled boolean NOT NULL DEFAULT false,
    from_rule boolean NOT NULL DEFAULT false,
    ended_at timestamptz CHECK (isfinite(ended_at)),
    ended_by text COLLATE "C" CHECK (ended_by IN ('revised', 'expired', 'target', 'stop', 'superseded', 'ambiguous')),
    ended_price numeric,
    end_revision integer NOT NULL DEFAULT 0,
    UNIQUE (strategy, strategy_version, instrument_id, timeframe, time),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
-- By instrument and time: the latest of each first.
CREATE INDEX signals_instrument_time_idx ON market.signals (instrument_id, time DESC, id DESC);
CREATE INDEX signals_time_idx ON market.signals (time DESC, id DESC);
CREATE INDEX signals_active_idx ON market.signals (time DESC, id DESC) WHERE ended_at IS NULL;
CREATE INDEX signals_open_idx ON market.signals (instrument_id, time DESC, id DESC) WHERE ended_at IS NULL;
CREATE INDEX signals_expiring_idx ON market.signals (expires_at) WHERE ended_at IS NULL;
-- The latest of each instrument are listed in the order of keys, a page at a time.
CREATE INDEX instruments_key_order_idx ON market.instruments (instrument_key COLLATE "C");
COMMENT ON TABLE market.signals IS 'What strategies say about instruments. A signal never changes but for its end.';
COMMENT ON COLUMN market.signals.time IS 'The start of the bucket it is based on.';
COMMENT ON COLUMN market.signals.known_at IS 'When that bucket had closed: nobody could have said it before.';
COMMENT ON COLUMN market.signals.direction IS '-2 strong_sell, -1 sell, 0 hold, 1 buy, 2 strong_buy.';
COMMENT ON COLUMN market.signals.strength IS 'How large the view is, from 0 to 1.';
COMMENT ON COLUMN market.signals.confidence IS 'How likely it comes true, from 0 to 1.';
COMMENT ON COLUMN market.signals.generated_at IS 'The scheduled time of the run that found it.';
COMMENT ON COLUMN market.signals.backfilled IS 'Nobody could have acted on it: its bucket had closed before the rule was there, or it had expired before it was found.';
COMMENT ON COLUMN market.signals.from_rule IS 'A rule of sql/signals.toml said it; else it came from outside.';
COMMENT ON COLUMN market.signals.ended_by IS 'revised: its candles changed, and the rule speaks there no more; superseded: the strategy spoke again; ambiguous: one minute reached both target and stop.';
COMMENT ON COLUMN market.signals.ended_price IS 'The level, or the open where that lay beyond it.';
COMMENT ON COLUMN market.signals.end_revision IS 'How often its end has changed: minutes that are revised may move it, or take it back.';

CREATE TABLE market.signal_rules (
    strategy text COLLATE "C" NOT NULL,
    strategy_version text COLLATE "C" NOT NULL,
    timeframe text COLLATE "C" NOT NULL,
    digest text COLLATE "C" NOT NULL,
    sees text[] NOT NULL,
    live_from timestamptz NOT NULL,
    filled_from timestamptz NOT NULL,
    PRIMARY KEY (strategy, strategy_version)
);
COMMENT ON TABLE market.signal_rules IS 'The rules that are kept up: those of sql/signals.toml, as of the last run.';
COMMENT ON COLUMN market.signal_rules.digest IS 'Of all that the rule says: under one version it says one thing.';
COMMENT ON COLUMN market.signal_rules.sees IS 'Timeframes and data sets that it reads: a change of others is none of its own.';
COMMENT ON COLUMN market.signal_rules.live_from IS 'When it was first seen: signals of buckets that had closed before are backfilled.';
COMMENT ON COLUMN market.signal_rules.filled_from IS 'From where on history has been judged by it.';

CREATE TABLE market.signal_marks (
    mark_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset text COLLATE "C" NOT NULL,
    timeframe text COLLATE "C",
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL CHECK (ends > starts),
    instrument_ids integer[] NOT NULL,
    due_at timestamptz
);
COMMENT ON TABLE market.signal_marks IS 'Insert-only: stretches of instruments in which rows of a data set changed, or indicators of them, to be judged by rules. The one that has judged them takes the mark.';
COMMENT ON COLUMN market.signal_marks.timeframe IS 'The one whose buckets changed; null: the rows that roll-ups are made of.';
COMMENT ON COLUMN market.signal_marks.due_at IS 'When its bucket will have closed; null: at once.';

-- The function of the trigger, as this migration needs it.
CREATE OR REPLACE FUNCTION market.refuse_changed_signal() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ends CONSTANT text[] := ARRAY['ended_at', 'ended_by', 'ended_price', 'end_revision'];
BEGIN
    IF to_jsonb(NEW) - ends IS DISTINCT FROM to_jsonb(OLD) - ends THEN
        RAISE EXCEPTION 'signal % never changes but for its end: what a strategy says otherwise is another version''s', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER refuse_changed_signal BEFORE UPDATE ON market.signals
    FOR EACH ROW EXECUTE FUNCTION market.refuse_changed_signal();

CREATE TABLE market.outside_signals (
    id bigint PRIMARY KEY REFERENCES market.signals ON DELETE CASCADE
);
COMMENT ON TABLE market.outside_signals IS 'Insert-only: signals from outside that the signal processor has not looked at yet. It publishes them, and follows them to their ends.';

-- The functions of the triggers, as this migration needs them.
CREATE OR REPLACE FUNCTION market.take_outside_signal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    widths CONSTANT jsonb := '{"1m": "1 minute", "5m": "5 minutes", "15m": "15 minutes", "30m": "30 minutes", "1h": "1 hour",
        "4h": "4 hours", "1d": "1 day", "1w": "7 days", "1mo": "1 month"}';
    width CONSTANT interval := (widths ->> NEW.timeframe)::interval;
    of_calendar text;
BEGIN
    IF width IS NULL THEN
        RAISE check_violation USING
            MESSAGE = format('there is no timeframe %s', NEW.timeframe),
            HINT = '1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w or 1mo';
    END IF;
    IF EXISTS (
        SELECT FROM market.signal_rules AS r WHERE r.strategy = NEW.strategy AND r.strategy_version = NEW.strategy_version
    ) THEN
        RAISE check_violation USING
            MESSAGE = format('%s version %s is a rule of signals.toml, which speaks for itself', NEW.strategy, NEW.strategy_version),
            HINT = 'send it under another name or version';
    END IF;
    IF NEW.known_at IS NULL THEN
        SELECT calendar INTO of_calendar FROM market.instruments WHERE instrument_id = NEW.instrument_id;
        NEW.known_at := CASE
            WHEN width < INTERVAL '1 day' THEN NEW.time + width
            ELSE market.known_at(of_calendar, NEW.time, width)
        END;
        -- A strategy that did not wait for the bucket's end could be followed at once.
        NEW.known_at := greatest(least(NEW.known_at, NEW.generated_at), NEW.time);
    END IF;
    NEW.backfilled := NEW.backfilled OR NEW.expires_at <= NEW.generated_at;
    RETURN NEW;
END
$$;
CREATE OR REPLACE FUNCTION market.mark_outside_signal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.outside_signals (id) VALUES (NEW.id);
    RETURN NULL;
END
$$;
CREATE TRIGGER take_outside_signal BEFORE INSERT ON market.signals
    FOR EACH ROW WHEN (NOT NEW.from_rule) EXECUTE FUNCTION market.take_outside_signal();
CREATE TRIGGER mark_outside_signal AFTER INSERT ON market.signals
    FOR EACH ROW WHEN (NOT NEW.from_rule) EXECUTE FUNCTION market.mark_outside_signal();

-- Programs that decide by themselves say so, and change nothing that was said.
GRANT SELECT ON market.signals TO chandlery_producer;
GRANT INSERT (
    strategy, strategy_version, instrument_id, timeframe, time, known_at, direction, strength, confidence, price, target_price,
    stop_loss, rationale, indicators_used, generated_at, expires_at, backfilled
) ON market.signals TO chandlery_producer;
GRANT SELECT ON market.signal_rules TO chandlery_producer;
