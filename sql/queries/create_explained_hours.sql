-- Minutes of which a vendor said that nothing was traded.
CREATE TEMPORARY TABLE explained_hours ON COMMIT DROP AS
SELECT
    g.instrument_id, s.hour,
    bit_or(market.minute_mask(market.minute_of(s.hour, g.starts), market.minute_of(s.hour, g.ends))) AS minutes
FROM market.gaps AS g
JOIN market.instruments AS n USING (instrument_id)
JOIN stretches AS s ON s.calendar = n.calendar AND s.starts < g.ends AND s.ends > g.starts
WHERE g.dataset = :'dataset' AND g.reason = 'no_trades' AND g.starts < :'ends'::timestamptz AND g.ends > :'starts'::timestamptz
GROUP BY g.instrument_id, s.hour;
