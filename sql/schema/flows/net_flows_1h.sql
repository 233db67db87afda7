CREATE OR REPLACE VIEW market.net_flows_1h AS
SELECT
    instrument_id, venue, time, in_amount, out_amount, in_amount - out_amount AS net_amount,
    in_usd, out_usd, in_usd - out_usd AS net_usd, in_count, out_count
FROM (
    SELECT
        instrument_id, venue, time, coalesce(in_amount, 0) AS in_amount, coalesce(out_amount, 0) AS out_amount,
        CASE WHEN in_count = 0 THEN 0 ELSE in_usd END AS in_usd, CASE WHEN out_count = 0 THEN 0 ELSE out_usd END AS out_usd,
        in_count, out_count
    FROM market.flows_1h
    WHERE in_count + out_count > 0
) AS sides;
COMMENT ON VIEW market.net_flows_1h IS 'What came onto each venue in an hour, less what went off it: positive, more came in. Dollars are those of the legs that have them; null where none has. What was all taken back, or moved inside the venue alone, has no row.';
