CREATE OR REPLACE FUNCTION market.interval_or_null(given text) RETURNS interval LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN given::interval;
EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow THEN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.interval_or_null IS 'The setting of a job, if it is an interval: anybody may have written it.';
