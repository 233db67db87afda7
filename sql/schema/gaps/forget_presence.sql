CREATE OR REPLACE FUNCTION market.forget_presence(of_dataset text, lower timestamptz, upper timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- Two probes of the key, where <> would read all of it.
    IF EXISTS (
        SELECT FROM market.candle_hours AS h WHERE h.dataset < of_dataset AND h.hour >= lower AND h.hour < upper
        UNION ALL
        SELECT FROM market.candle_hours AS h WHERE h.dataset > of_dataset AND h.hour >= lower AND h.hour < upper
    ) THEN
        DELETE FROM market.candle_hours AS h WHERE h.dataset = of_dataset AND h.hour >= lower AND h.hour < upper;
    ELSE
        PERFORM drop_chunks('market.candle_hours', older_than => upper, newer_than => lower);
    END IF;
END
$$;
COMMENT ON FUNCTION market.forget_presence IS 'Forgets which minutes of a data set are there: by whole chunks, where no other data set has any there.';
