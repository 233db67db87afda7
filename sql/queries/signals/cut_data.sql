-- Data as they were when signals were raised: of each an instrument of its own, whose rows end there. Temporary tables take the
-- place of those in market for who judges.

-- step: create_cuts
-- The instruments: each represents one at a moment.
CREATE TEMPORARY TABLE instruments (
    instrument_id integer, calendar text, real_id integer, cut timestamptz, candles bigint, indicator_ids integer[]
) ON COMMIT DROP;

-- step: write_cuts
-- For instruments and moments given as arrays; :candles are read before each.
INSERT INTO pg_temp.instruments
SELECT s.place, n.calendar, s.instrument_id, s.cut, :'candles'::bigint, :'indicator_ids'::integer[]
FROM unnest(:'instrument_ids'::integer[], :'cuts'::timestamptz[]) WITH ORDINALITY AS s (instrument_id, cut, place)
JOIN market.instruments AS n USING (instrument_id);

-- step: copy_rows
-- Of a relation the rows whose buckets had :closed, no more than are read.
CREATE TEMPORARY TABLE :"relation" ON COMMIT DROP AS
SELECT i.instrument_id, c.*
FROM pg_temp.instruments AS i
CROSS JOIN LATERAL (
    SELECT :columns FROM market.:"relation"
    WHERE instrument_id = i.real_id AND time < i.cut:since AND :closed
    ORDER BY time DESC LIMIT i.candles
) AS c;

-- step: index_rows
-- Each instrument's are found by themselves.
CREATE INDEX ON pg_temp.:"relation" (instrument_id, time);

-- step: copy_values
-- Of indicators the values at stored candles, and others that nobody will see.
CREATE TEMPORARY TABLE indicator_values ON COMMIT DROP AS
SELECT i.instrument_id, v.*
FROM pg_temp.instruments AS i
CROSS JOIN unnest(i.indicator_ids) AS each (indicator_id)
CROSS JOIN LATERAL (
    SELECT indicator_id, time, value, value_2, value_3 FROM market.indicator_values
    WHERE instrument_id = i.real_id AND indicator_id = each.indicator_id AND time < i.cut
    ORDER BY time DESC LIMIT i.candles
) AS v;

-- step: index_values
-- Likewise.
CREATE INDEX ON pg_temp.indicator_values (instrument_id, indicator_id, time);
