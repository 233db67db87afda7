CREATE OR REPLACE VIEW market.total_net_flows_1d AS
SELECT
    instrument_id, venue, time, in_amount, out_amount, in_amount - out_amount AS net_amount,
    in_usd, out_usd, in_usd - out_usd AS net_usd, in_count, out_count
FROM (
    SELECT
        instrument_id, ''::text COLLATE "C" AS venue, time, coalesce(sum(in_amount), 0) AS in_amount,
        coalesce(sum(out_amount), 0) AS out_amount, CASE WHEN sum(in_count) = 0 THEN 0 ELSE sum(in_usd) END AS in_usd,
        CASE WHEN sum(out_count) = 0 THEN 0 ELSE sum(out_usd) END AS out_usd, sum(in_count)::bigint AS in_count,
        sum(out_count)::bigint AS out_count
    FROM market.flows_1d
    WHERE in_count + out_count > 0
    GROUP BY instrument_id, time
) AS sides;
COMMENT ON VIEW market.total_net_flows_1d IS 'As market.net_flows_1d, over all venues.';
