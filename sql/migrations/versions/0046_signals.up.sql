-- Signals: what strategies say of instruments; which rules are kept up, and what waits to be judged by them.

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
CREATE INDEX signals_open_idx ON market.signals (instrument_id, time DESC, id DESC) WHERE ended_at IS NULL;
CREATE INDEX signals_expiring_idx ON market.signals (expires_at) WHERE ended_at IS NULL;
COMMENT ON TABLE market.signals IS 'What strategies say of instruments. A signal never changes but for its end.';
COMMENT ON COLUMN market.signals.time IS 'The start of the bucket it stands on.';
COMMENT ON COLUMN market.signals.known_at IS 'When that bucket had closed: nobody could have said it before.';
COMMENT ON COLUMN market.signals.direction IS '-2 strong_sell, -1 sell, 0 hold, 1 buy, 2 strong_buy.';
COMMENT ON COLUMN market.signals.strength IS 'How large the view is, from 0 to 1.';
COMMENT ON COLUMN market.signals.confidence IS 'How likely it comes true, from 0 to 1.';
COMMENT ON COLUMN market.signals.generated_at IS 'The scheduled time of the run that found it.';
COMMENT ON COLUMN market.signals.backfilled IS 'Nobody could have acted on it: its bucket had closed before the rule was there, or it had expired before it was found.';
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
COMMENT ON TABLE market.signal_marks IS 'Insert-only: stretches of instruments in which rows of a data set changed, or indicators of them, to be judged by rules. Whoever has judged them takes the mark.';
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
