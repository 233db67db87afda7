CREATE OR REPLACE VIEW market.fo_option_strike_bars AS
SELECT
    b.time AS bucket_time, split_part(n.instrument_key, '@', 2) AS symbol, b.expiry, b.strike,
    b.call_oi AS call_oi_sum, b.put_oi AS put_oi_sum, b.call_volume AS call_volume_sum, b.put_volume AS put_volume_sum,
    b.call_iv AS call_iv_avg,
    b.call_delta AS call_delta_avg,
    b.call_gamma AS call_gamma_avg,
    b.call_theta AS call_theta_avg,
    b.call_vega AS call_vega_avg,
    b.put_iv AS put_iv_avg,
    b.put_delta AS put_delta_avg,
    b.put_gamma AS put_gamma_avg,
    b.put_theta AS put_theta_avg,
    b.put_vega AS put_vega_avg,
    1::bigint AS count, b.underlying_close, b.underlying_close AS underlying_avg,
    b.rank, b.moneyness, b.contract, b.expires_at, n.instrument_key
FROM market.strike_candles AS b JOIN market.instruments AS n USING (instrument_id);
COMMENT ON VIEW market.fo_option_strike_bars IS 'Strike candles of a minute, under names that programs of option desks know. call_oi_sum is the last open interest of the bucket: a state is not summed.';
