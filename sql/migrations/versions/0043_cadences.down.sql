-- Nobody counts hours or looks for gaps meanwhile.
SELECT pg_advisory_xact_lock(hashtext('market.gaps'));
DROP VIEW IF EXISTS market.expected_sentiment;
DROP VIEW IF EXISTS market.expected_flows;
-- As the older code has it: this one reads what goes.
CREATE OR REPLACE VIEW market.parts AS
SELECT 'strike_candles' COLLATE "C" AS dataset, underlying_id AS whole_id, instrument_id
FROM market.option_expiries;
COMMENT ON VIEW market.parts IS 'Of data sets whose rows are expected of each part of an instrument by itself: the instruments that stand for its parts.';

DROP TRIGGER mark_inserted_hours ON market.sentiment;
DROP TRIGGER mark_updated_hours ON market.sentiment;
DROP TRIGGER mark_deleted_hour ON market.sentiment;
CREATE TRIGGER mark_inserted_hours AFTER INSERT ON market.sentiment
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('sentiment', 'refresh');
CREATE TRIGGER mark_updated_hours AFTER UPDATE ON market.sentiment
    REFERENCING OLD TABLE AS removed NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('sentiment', 'refresh');
CREATE TRIGGER mark_deleted_hour AFTER DELETE ON market.sentiment
    FOR EACH ROW EXECUTE FUNCTION market.mark_hours('sentiment', 'refresh');

DROP TRIGGER mark_inserted_hours ON market.flows;
DROP TRIGGER mark_updated_hours ON market.flows;
DROP TRIGGER mark_deleted_hour ON market.flows;
CREATE TRIGGER mark_inserted_hours AFTER INSERT ON market.flows
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('flows', 'refresh');
CREATE TRIGGER mark_updated_hours AFTER UPDATE ON market.flows
    REFERENCING OLD TABLE AS removed NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('flows', 'refresh');
CREATE TRIGGER mark_deleted_hour AFTER DELETE ON market.flows
    FOR EACH ROW EXECUTE FUNCTION market.mark_hours('flows', 'refresh');

DELETE FROM market.marks WHERE work = 'beat';
ALTER TABLE market.marks
    DROP CONSTRAINT marks_work_check,
    ADD CONSTRAINT marks_work_check CHECK (work IN ('count', 'refresh', 'indicate'));
COMMENT ON COLUMN market.marks.work IS 'count: rows changed since their minutes were counted; refresh: derived buckets are older than their minutes; indicate: stored indicators are older than the derived buckets.';

DELETE FROM market.candle_hours WHERE dataset IN ('sentiment', 'flows');
DELETE FROM market.reaches WHERE dataset IN ('sentiment', 'flows');
DELETE FROM market.scans WHERE dataset IN ('sentiment', 'flows');
DELETE FROM market.feeds AS f
USING market.cadences AS k JOIN market.instruments AS n USING (instrument_id)
WHERE f.feed = n.feed;
-- With their gaps, and what was judged.
DELETE FROM market.instruments WHERE instrument_id IN (SELECT instrument_id FROM market.cadences);
ALTER TABLE market.gaps
    DROP CONSTRAINT sentiment_gaps_open_never_overlap,
    DROP CONSTRAINT flows_gaps_open_never_overlap;
DROP TABLE market.cadences;
