-- Averages at every scale: ten decimals say nothing of a price of 0.00000000236.
CREATE OR REPLACE FUNCTION market.average(total numeric, weight numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- 18 significant digits of total / weight. A numeric division keeps as many decimals as its operands have, so that the
-- total is given as many as the result needs; double precision is good enough to count them.
RETURN CASE
    WHEN weight = 0 OR weight IS NULL THEN NULL
    WHEN total = 0 THEN 0
    ELSE trim_scale(round(
        round(total, greatest(scale(total), 18 - floor(log(abs(total::float8)) - log(abs(weight::float8)))::integer)) / weight,
        greatest(17 - floor(log(abs(total::float8)) - log(abs(weight::float8)))::integer, 0)
    ))
END;
COMMENT ON FUNCTION market.average(numeric, numeric) IS 'total / weight, exact or to 18 significant digits; null where the weight is 0, or either is unknown.';
