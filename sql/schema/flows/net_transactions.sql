CREATE OR REPLACE FUNCTION market.net_transactions(
    instrument_ids integer[], venues text[], txs text[], directions text[], are_netted boolean[]
) RETURNS void
-- Without a time nothing excludes a chunk: looking for one to exclude takes a third of a probe.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timescaledb.enable_chunk_append = off AS $$
BEGIN
    WITH touched AS (
        SELECT * FROM unnest(instrument_ids, venues, txs, directions, are_netted) AS t (instrument_id, venue, tx, direction, is_netted)
    ), netted AS MATERIALIZED (
        -- By a probe of the index each: nearly no transaction has legs of both directions at one venue.
        SELECT DISTINCT instrument_id, venue, tx
        FROM touched AS t
        WHERE t.is_netted OR (
            SELECT true FROM market.flows AS f
            WHERE f.instrument_id = t.instrument_id AND f.venue = t.venue AND f.tx = t.tx
                AND f.direction = CASE t.direction WHEN 'in' THEN 'out' ELSE 'in' END
            LIMIT 1
        )
    ), legs AS (
        SELECT
            f.instrument_id, f.venue, f.time, f.tx, f.leg, f.direction, f.amount, f.cancelled, f.taken_off,
            CASE WHEN NOT f.cancelled THEN f.amount ELSE 0 END AS live
        FROM netted AS n
        CROSS JOIN LATERAL (
            SELECT f.instrument_id, f.venue, f.time, f.tx, f.leg, f.direction, f.amount, f.cancelled, f.taken_off
            FROM market.flows AS f
            WHERE f.instrument_id = n.instrument_id AND f.venue = n.venue AND f.tx = n.tx
            OFFSET 0
        ) AS f
    ), summed AS (
        SELECT
            legs.*,
            least(
                coalesce(sum(live) FILTER (WHERE direction = 'in') OVER whole, 0),
                coalesce(sum(live) FILTER (WHERE direction = 'out') OVER whole, 0)
            ) AS moved_inside,
            sum(live) OVER side - live AS before
        FROM legs
        WINDOW whole AS (PARTITION BY instrument_id, venue, tx),
            side AS (PARTITION BY instrument_id, venue, tx, direction ORDER BY leg, time)
    ), expected AS (
        SELECT *, least(live, greatest(moved_inside - before, 0)) AS due FROM summed
    )
    -- An upsert finds rows in columns by their key, where an update of several would look through all of them.
    INSERT INTO market.flows AS stored (instrument_id, venue, time, tx, leg, direction, amount, cancelled, taken_off)
    SELECT instrument_id, venue, time, tx, leg, direction, amount, cancelled, due FROM expected WHERE due <> taken_off
    ON CONFLICT (instrument_id, venue, time, tx, leg) DO UPDATE SET taken_off = excluded.taken_off;
END
$$;
COMMENT ON FUNCTION market.net_transactions IS 'What moved inside a venue counts on neither side: of each transaction the smaller of what came in and went out is taken off both, in the order of legs. Sees what others have committed by now.';
