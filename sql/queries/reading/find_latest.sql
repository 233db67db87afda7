-- What is newest of an instrument: its one-minute candle, the tick of those still kept that is not cancelled, and the close of
-- the session before that candle's; one row, null where there is none.
SELECT
    c.time AS candle_time, c.open, c.high, c.low, c.close, c.volume,
    -- numeric / numeric alone keeps as few as 16 significant digits.
    market.average(c.turnover, c.volume) AS vwap,
    c.trades, c.partial, c.source::text AS source, c.session_date,
    t.time AS tick_time, t.price AS tick_price, t.size AS tick_size,
    p.session_date AS previous_session_date, p.close AS previous_close
FROM (SELECT :'instrument_id'::integer AS instrument_id) AS n
LEFT JOIN LATERAL (
    SELECT * FROM market.candles WHERE instrument_id = n.instrument_id ORDER BY time DESC LIMIT 1
) AS c ON true
LEFT JOIN LATERAL (
    SELECT time, price, size FROM market.ticks
    WHERE instrument_id = n.instrument_id AND NOT cancelled ORDER BY time DESC, seq DESC LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    -- Hours are never a week from their date.
    SELECT session_date, close FROM market.candles_1d_parts
    WHERE instrument_id = n.instrument_id AND session_date < c.session_date
        AND day < (c.session_date + 7)::timestamp AT TIME ZONE 'UTC'
    ORDER BY session_date DESC, day DESC LIMIT 1
) AS p ON true;
