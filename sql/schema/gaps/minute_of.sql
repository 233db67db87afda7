CREATE OR REPLACE FUNCTION market.minute_of(hour timestamptz, moment timestamptz) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN moment <= hour THEN 0
    -- However far away, as in delisted_at = 9999-12-31: only the hour matters.
    WHEN moment = 'infinity' THEN 60
    WHEN moment - hour >= INTERVAL '1 hour' THEN 60
    ELSE ceil(extract(epoch FROM moment - hour) / 60)::integer
END;
COMMENT ON FUNCTION market.minute_of IS 'The number, 0 to 60, of the first minute of an hour that starts at a moment or after it.';
