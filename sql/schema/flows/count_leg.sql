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
COMMENT ON FUNCTION market.count_leg IS 'Says what of a leg of a flow counts, and on which side. What is taken off it is for market.net_legs to say.';
