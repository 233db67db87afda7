-- The buckets a transaction is about to make candles of, whoever found them.
CREATE TEMPORARY TABLE touched_buckets (
    instrument_id integer NOT NULL,
    bucket timestamptz NOT NULL,
    ticks bigint NOT NULL  -- inserted since the bucket was last written, as the marks tell
) ON COMMIT DROP;
