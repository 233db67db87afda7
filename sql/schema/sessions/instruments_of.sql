CREATE OR REPLACE FUNCTION market.instruments_of(of_dataset text, key text) RETURNS SETOF integer LANGUAGE sql STABLE AS $$
    SELECT instrument_id FROM market.instruments WHERE instrument_key = key
    UNION ALL
    SELECT p.instrument_id
    FROM market.parts AS p JOIN market.instruments AS n ON n.instrument_id = p.whole_id
    WHERE p.dataset = of_dataset AND n.instrument_key = key
$$;
COMMENT ON FUNCTION market.instruments_of IS 'Of which instruments rows of a data set are expected where an instrument is named: of itself, and of its parts.';
