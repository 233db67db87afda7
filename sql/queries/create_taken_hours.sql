-- Hours on their way into market.candle_hours.
CREATE TEMPORARY TABLE taken_hours (instrument_id integer NOT NULL, hour timestamptz NOT NULL) ON COMMIT DROP;
