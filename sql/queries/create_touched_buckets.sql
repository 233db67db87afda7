-- The buckets a transaction is about to make candles of, whoever found them.
CREATE TEMPORARY TABLE touched_buckets (
    instrument_id integer NOT NULL,
    bucket timestamptz NOT NULL,
    ticks bigint NOT NULL,  -- inserted since the bucket was last written, as the marks tell
    removed boolean NOT NULL,  -- ticks were changed or deleted, so the bucket may have fewer than its candle tells
    tampered boolean NOT NULL  -- the candle is lost, or was changed by another hand
) ON COMMIT DROP;
