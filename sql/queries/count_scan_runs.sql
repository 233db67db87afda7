-- How much there is to do for a share of a scan: its runs of missing minutes, cut at each hour, and its open gaps.
SELECT
    (SELECT coalesce(sum(bit_count(missing & ~(missing >> 1))), 0)::bigint FROM missing_hours)
        + (SELECT count(*) FROM known_gaps) AS runs;
