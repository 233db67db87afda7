CREATE OR REPLACE FUNCTION market.net_transactions(
    instrument_ids integer[], venues text[], txs text[], directions text[], are_netted boolean[]
) RETURNS void
-- Planned each time, by how many transactions there are and which chunks are columns. No chunk is excluded probe by probe: to look
-- for one takes a third of a probe.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
SET timescaledb.enable_chunk_append = off SET enable_mergejoin = off AS $$
DECLARE
    whose CONSTANT integer[] := ARRAY(SELECT DISTINCT unnest(instrument_ids));
    places CONSTANT text[] := ARRAY(SELECT DISTINCT unnest(venues));
    rows_since timestamptz := '-infinity';
BEGIN
    -- A few are probed for in columns too: each takes a share of what one pass for all takes.
    IF cardinality(txs) > 10 THEN
        SELECT coalesce(max(range_end), '-infinity') INTO rows_since
        FROM timescaledb_information.chunks
        WHERE hypertable_schema = 'market' AND hypertable_name = 'flows' AND is_compressed;
    END IF;

    -- What this writes is netted: market.net_legs leaves it alone.
    PERFORM set_config('chandlery.netting', 'on', true);
    WITH touched AS MATERIALIZED (
        SELECT * FROM unnest(instrument_ids, venues, txs, directions, are_netted) AS t (instrument_id, venue, tx, direction, is_netted)
    ), old_legs AS MATERIALIZED (
        -- What lies in columns: found in one pass for many transactions, which no index knows there. Nearly none has a leg so old.
        SELECT
            f.instrument_id, f.venue, f.time, f.tx, f.leg, f.direction, f.amount, f.cancelled, f.taken_off
        FROM unnest(instrument_ids, venues, txs) AS t (instrument_id, venue, tx)
        JOIN market.flows AS f USING (instrument_id, venue, tx)
        WHERE f.time < rows_since AND f.instrument_id = ANY (whose) AND f.venue = ANY (places)
    ), netted AS MATERIALIZED (
        -- By a probe of the index each: nearly no transaction has legs of both directions at one venue.
        SELECT DISTINCT instrument_id, venue, tx
        FROM touched AS t
        WHERE t.is_netted OR (
            SELECT true FROM market.flows AS f
            WHERE f.instrument_id = t.instrument_id AND f.venue = t.venue AND f.tx = t.tx
                AND f.direction = CASE t.direction WHEN 'in' THEN 'out' ELSE 'in' END AND f.time >= rows_since
            LIMIT 1
        ) OR (t.instrument_id, t.venue, t.tx, CASE t.direction WHEN 'in' THEN 'out' ELSE 'in' END) IN (
            SELECT instrument_id, venue, tx, direction FROM old_legs
        )
    ), legs AS (
        SELECT f.*
        FROM netted AS n
        CROSS JOIN LATERAL (
            SELECT f.instrument_id, f.venue, f.time, f.tx, f.leg, f.direction, f.amount, f.cancelled, f.taken_off
            FROM market.flows AS f
            WHERE f.instrument_id = n.instrument_id AND f.venue = n.venue AND f.tx = n.tx AND f.time >= rows_since
            OFFSET 0
        ) AS f
        -- Each once, also where both of its directions are touched.
        UNION SELECT o.* FROM netted JOIN old_legs AS o USING (instrument_id, venue, tx)
    ), live_legs AS (
        SELECT *, CASE WHEN NOT cancelled THEN amount ELSE 0 END AS live FROM legs
    ), summed AS (
        SELECT
            *,
            least(
                coalesce(sum(live) FILTER (WHERE direction = 'in') OVER whole, 0),
                coalesce(sum(live) FILTER (WHERE direction = 'out') OVER whole, 0)
            ) AS moved_inside,
            sum(live) OVER side - live AS before
        FROM live_legs
        WINDOW whole AS (PARTITION BY instrument_id, venue, tx),
            side AS (PARTITION BY instrument_id, venue, tx, direction ORDER BY leg, time)
    ), expected AS (
        SELECT *, least(live, greatest(moved_inside - before, 0)) AS due FROM summed
    )
    -- An upsert finds rows in columns by their key, where an update of several would look through all of them.
    INSERT INTO market.flows AS stored (instrument_id, venue, time, tx, leg, direction, amount, cancelled, taken_off)
    SELECT instrument_id, venue, time, tx, leg, direction, amount, cancelled, due FROM expected WHERE due <> taken_off
    ON CONFLICT (instrument_id, venue, time, tx, leg) DO UPDATE SET taken_off = excluded.taken_off;
    PERFORM set_config('chandlery.netting', 'off', true);
END
$$;
COMMENT ON FUNCTION market.net_transactions IS 'What moved inside a venue counts on neither side: of each transaction the smaller of what came in and went out is taken off both, in the order of legs. Sees what others have committed by now.';
