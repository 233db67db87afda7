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
COMMENT ON FUNCTION market.take_outside_signal IS 'What a signal from outside leaves open; and no rule''s name is taken.';
