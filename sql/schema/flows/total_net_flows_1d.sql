CREATE OR REPLACE VIEW market.total_net_flows_1d AS
SELECT
    instrument_id, ''::text COLLATE "C" AS venue, time, sum(in_amount) AS in_amount, sum(out_amount) AS out_amount,
    sum(net_amount) AS net_amount, sum(in_usd) AS in_usd, sum(out_usd) AS out_usd, sum(in_usd) - sum(out_usd) AS net_usd,
    sum(in_count)::bigint AS in_count, sum(out_count)::bigint AS out_count
FROM market.net_flows_1d
GROUP BY instrument_id, time;
COMMENT ON VIEW market.total_net_flows_1d IS 'The same over all venues.';
