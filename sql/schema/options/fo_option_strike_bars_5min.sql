CREATE OR REPLACE VIEW market.fo_option_strike_bars_5min AS
SELECT
    b.time AS bucket_time, split_part(n.instrument_key, '@', 2) AS symbol, b.expiry, b.strike,
    b.call_oi AS call_oi_sum, b.put_oi AS put_oi_sum, b.call_volume AS call_volume_sum, b.put_volume AS put_volume_sum,
    market.average(b.call_iv_total, b.call_iv_weight)::double precision AS call_iv_avg,
    market.average(b.call_delta_total, b.call_delta_weight)::double precision AS call_delta_avg,
    market.average(b.call_gamma_total, b.call_gamma_weight)::double precision AS call_gamma_avg,
    market.average(b.call_theta_total, b.call_theta_weight)::double precision AS call_theta_avg,
    market.average(b.call_vega_total, b.call_vega_weight)::double precision AS call_vega_avg,
    market.average(b.put_iv_total, b.put_iv_weight)::double precision AS put_iv_avg,
    market.average(b.put_delta_total, b.put_delta_weight)::double precision AS put_delta_avg,
    market.average(b.put_gamma_total, b.put_gamma_weight)::double precision AS put_gamma_avg,
    market.average(b.put_theta_total, b.put_theta_weight)::double precision AS put_theta_avg,
    market.average(b.put_vega_total, b.put_vega_weight)::double precision AS put_vega_avg,
    b.minutes AS count, b.underlying_close, market.average(b.underlying_avg_total, b.underlying_avg_weight) AS underlying_avg,
    b.rank, b.moneyness, b.contract, b.expires_at, n.instrument_key
FROM market.strike_candles_5m AS b JOIN market.instruments AS n USING (instrument_id);
COMMENT ON VIEW market.fo_option_strike_bars_5min IS 'Strike candles of five minutes, under names that programs of option desks know. call_oi_sum is the last open interest of the bucket: a state is not summed.';
