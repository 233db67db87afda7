CREATE OR REPLACE FUNCTION market.set_asset_type() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.asset_type := market.asset_type_of(NEW.instrument_key);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION market.set_asset_type IS 'Where nobody says what an instrument is, its key does.';
