CREATE OR REPLACE FUNCTION market.grade_item() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.weight := coalesce(NEW.weight, 1);
    NEW.positive := NEW.score > 0.05;
    NEW.negative := NEW.score < -0.05;
    NEW.neutral := NEW.score BETWEEN -0.05 AND 0.05;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION market.grade_item IS 'Of an item of sentiment: a weight that is not known is 1, and its score is positive, negative or neither.';
