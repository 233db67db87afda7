-- How much there is to do for a share of a scan: its runs of missing minutes, cut at each hour, and its open gaps; and which
-- instruments it really has.
SELECT
    (SELECT coalesce(sum(bit_count(missing & ~(missing >> 1))), 0)::bigint FROM missing_hours)
        + (SELECT count(*) FROM known_gaps) AS runs,
    min(instrument_id) AS first, max(instrument_id) AS last
FROM (SELECT instrument_id FROM scanned_instruments UNION ALL SELECT instrument_id FROM known_gaps) AS of_share;
