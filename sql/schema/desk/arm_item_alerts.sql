CREATE OR REPLACE FUNCTION market.arm_item_alerts() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Who changes a level by SQL need not say when.
    at CONSTANT timestamptz := CASE WHEN TG_OP = 'UPDATE' AND NEW.updated_at = OLD.updated_at THEN now() ELSE NEW.updated_at END;
BEGIN
    DELETE FROM market.alerts
    WHERE item_id = NEW.item_id AND CASE side WHEN 'high' THEN NEW.price_alert_high ELSE NEW.price_alert_low END IS NULL;
    INSERT INTO market.alerts AS known (user_id, instrument_id, item_id, side, level, armed_at)
    SELECT NEW.user_id, NEW.instrument_id, NEW.item_id, side, level, at
    FROM (VALUES ('high', NEW.price_alert_high), ('low', NEW.price_alert_low)) AS wanted (side, level)
    WHERE level IS NOT NULL
    ON CONFLICT (item_id, side) DO UPDATE SET
        level = EXCLUDED.level, state = 'armed', armed_at = EXCLUDED.armed_at, is_new = true,
        revision = known.revision + 1, updated_at = EXCLUDED.armed_at
    WHERE known.level <> EXCLUDED.level;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.arm_item_alerts IS 'The levels of an item of a watchlist are alerts: a new level is armed as of its change, one that goes takes its alert along.';
