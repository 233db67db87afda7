-- The instruments of one share of a scan, :first to :last, and since when and until when candles are expected of them.
CREATE TEMPORARY TABLE scanned_instruments ON COMMIT DROP AS
SELECT
    instrument_id, feed, calendar, since, until,
    since > :'starts'::timestamptz OR (until < :'ends'::timestamptz) IS TRUE AS is_cut
FROM market.instruments
CROSS JOIN LATERAL (
    SELECT coalesce(listed_at, data_from) AS since, delisted_at AS until
) AS life
WHERE instrument_id BETWEEN :'first'::integer AND :'last'::integer
    AND since < :'ends'::timestamptz AND (until > :'starts'::timestamptz) IS NOT FALSE;
