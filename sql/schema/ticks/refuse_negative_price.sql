CREATE OR REPLACE FUNCTION market.refuse_negative_price() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused text;
BEGIN
    -- Few statements have any: the others are looked through once, and joined with nothing.
    IF TG_ARGV[0] = 'ticks' THEN
        IF EXISTS (SELECT FROM written WHERE price < 0) THEN
            SELECT min(n.instrument_key) INTO refused
            FROM written JOIN market.instruments AS n USING (instrument_id)
            WHERE written.price < 0 AND NOT n.allow_negative;
        END IF;
    ELSIF EXISTS (SELECT FROM written WHERE low < 0) THEN
        SELECT min(n.instrument_key) INTO refused
        FROM written JOIN market.instruments AS n USING (instrument_id)
        WHERE written.low < 0 AND NOT n.allow_negative;
    END IF;
    IF refused IS NOT NULL THEN
        RAISE check_violation USING
            MESSAGE = format('a price of %s is below zero', refused),
            HINT = format('where it may be: chandlery instruments set %s --allow-negative', refused);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.refuse_negative_price IS 'Holds every writer to market.instruments.allow_negative.';
