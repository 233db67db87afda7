-- Takes the marks of hours that have been refreshed: what is computed from their derived candles is older now.
WITH taken AS (
    DELETE FROM market.stale WHERE stale_id = ANY (:'stale_ids'::bigint[]) RETURNING hour, instrument_ids
)
INSERT INTO market.unindicated (hour, instrument_ids) SELECT hour, instrument_ids FROM taken;
