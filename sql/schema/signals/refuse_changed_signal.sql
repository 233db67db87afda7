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
COMMENT ON FUNCTION market.refuse_changed_signal IS 'What was said stays said.';
