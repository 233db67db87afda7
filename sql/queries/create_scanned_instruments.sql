-- The instruments of one share of a scan, :first to :last, and when in the window rows are expected of them.
CREATE TEMPORARY TABLE scanned_instruments ON COMMIT DROP AS
SELECT
    n.instrument_id, n.feed, n.calendar, inside.life,
    NOT inside.life @> tstzrange(:'starts'::timestamptz, :'ends'::timestamptz) AS is_cut
FROM market.instruments AS n
JOIN market.lives AS whole USING (instrument_id)
CROSS JOIN LATERAL (
    SELECT whole.life * tstzmultirange(tstzrange(:'starts'::timestamptz, :'ends'::timestamptz)) AS life
) AS inside
WHERE whole.dataset = :'dataset' AND n.instrument_id BETWEEN :'first'::integer AND :'last'::integer AND NOT isempty(inside.life);
