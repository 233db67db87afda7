-- Where indicators that remember more than a window stand, so that they go on without the candles before.
CREATE TABLE market.indicator_states (
    instrument_id integer NOT NULL REFERENCES market.instruments ON DELETE CASCADE,
    timeframe text COLLATE "C" NOT NULL,
    made_of text NOT NULL,
    time timestamptz NOT NULL,
    since timestamptz NOT NULL,
    states double precision[] NOT NULL,
    recent double precision[] NOT NULL,
    PRIMARY KEY (instrument_id, timeframe)
) WITH (fillfactor = 50);
-- Each row is written again by each run: there is room for that on its page.
ALTER TABLE market.indicator_states SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
COMMENT ON TABLE market.indicator_states IS 'Where the stored indicators of an instrument stand after the last candle they were computed of. A row may always be deleted: what it spares is then done again.';
COMMENT ON COLUMN market.indicator_states.made_of IS 'Digest of the indicators, their parameters and the library.';
COMMENT ON COLUMN market.indicator_states.time IS 'Start of the bucket of that candle: all values up to it are stored, and none after it.';
COMMENT ON COLUMN market.indicator_states.since IS 'Start of the first candle that those with a window look back on from the next one, or that is recent.';
COMMENT ON COLUMN market.indicator_states.states IS 'Of each indicator that remembers more than a window, in turn: what it was made from, in seconds since 1970, and its state; NaN where there is no value yet.';
COMMENT ON COLUMN market.indicator_states.recent IS 'The last candles, those of an hour that may be marked again, as they were then: all times in seconds since 1970, then all opens, highs, lows, closes and volumes.';
