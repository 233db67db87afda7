-- Cadences: how often a source is to have rows, as an operator sets it. Each stands under an instrument of its own, as expiries do.

CREATE TABLE market.cadences (
    instrument_id integer PRIMARY KEY REFERENCES market.instruments ON DELETE CASCADE,
    dataset text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL CHECK (source <> ''),
    whole_id integer REFERENCES market.instruments ON DELETE CASCADE,
    every interval NOT NULL CHECK (every BETWEEN INTERVAL '1 minute' AND INTERVAL '24 hours'),
    since timestamptz NOT NULL CHECK (isfinite(since)),
    UNIQUE NULLS NOT DISTINCT (dataset, source, whole_id)
);
CREATE INDEX cadences_whole_id_idx ON market.cadences (whole_id);
COMMENT ON TABLE market.cadences IS 'How often sources are to have rows, as an operator has set it. Presence, gaps and coverage are kept under instrument_id, which stands for the source.';
COMMENT ON COLUMN market.cadences.source IS 'A value of the dimension that the data set''s declaration names: a source of sentiment, a venue of flows.';
COMMENT ON COLUMN market.cadences.whole_id IS 'Whose rows are expected; null: those of any instrument will do.';
COMMENT ON COLUMN market.cadences.every IS 'How long a beat is, counted from midnight UTC: one row anywhere in it is enough.';
COMMENT ON COLUMN market.cadences.since IS 'Where the first beat begins in which a row is expected.';

-- Writers hold these before they mark: so does who waits for them.
DROP TRIGGER mark_inserted_hours ON market.sentiment;
DROP TRIGGER mark_updated_hours ON market.sentiment;
DROP TRIGGER mark_deleted_hour ON market.sentiment;
CREATE TRIGGER mark_inserted_hours AFTER INSERT ON market.sentiment
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('sentiment', 'beat', 'refresh');
CREATE TRIGGER mark_updated_hours AFTER UPDATE ON market.sentiment
    REFERENCING OLD TABLE AS removed NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('sentiment', 'beat', 'refresh');
CREATE TRIGGER mark_deleted_hour AFTER DELETE ON market.sentiment
    FOR EACH ROW EXECUTE FUNCTION market.mark_hours('sentiment', 'beat', 'refresh');

DROP TRIGGER mark_inserted_hours ON market.flows;
DROP TRIGGER mark_updated_hours ON market.flows;
DROP TRIGGER mark_deleted_hour ON market.flows;
CREATE TRIGGER mark_inserted_hours AFTER INSERT ON market.flows
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('flows', 'beat', 'refresh');
CREATE TRIGGER mark_updated_hours AFTER UPDATE ON market.flows
    REFERENCING OLD TABLE AS removed NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('flows', 'beat', 'refresh');
CREATE TRIGGER mark_deleted_hour AFTER DELETE ON market.flows
    FOR EACH ROW EXECUTE FUNCTION market.mark_hours('flows', 'beat', 'refresh');

ALTER TABLE market.marks
    DROP CONSTRAINT marks_work_check,
    ADD CONSTRAINT marks_work_check CHECK (work IN ('count', 'beat', 'refresh', 'indicate'));
COMMENT ON COLUMN market.marks.work IS 'count: rows changed since their minutes were counted; beat: the same of rows whose cadence an operator sets; refresh: derived buckets are older than their minutes; indicate: stored indicators are older than the derived buckets.';

ALTER TABLE market.gaps ADD CONSTRAINT sentiment_gaps_open_never_overlap EXCLUDE USING gist (
    box(
        point(instrument_id, date_part('epoch', starts - '2000-01-01 00:00Z'::timestamptz)),
        point(instrument_id, date_part('epoch', ends - '2000-01-01 00:00Z'::timestamptz) - 1)
    ) WITH &&
) WHERE (healed_at IS NULL AND dataset = 'sentiment') DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE market.gaps ADD CONSTRAINT flows_gaps_open_never_overlap EXCLUDE USING gist (
    box(
        point(instrument_id, date_part('epoch', starts - '2000-01-01 00:00Z'::timestamptz)),
        point(instrument_id, date_part('epoch', ends - '2000-01-01 00:00Z'::timestamptz) - 1)
    ) WITH &&
) WHERE (healed_at IS NULL AND dataset = 'flows') DEFERRABLE INITIALLY DEFERRED;
