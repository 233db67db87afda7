DROP FUNCTION market.recompute_derived(text, timestamptz, timestamptz);
DELETE FROM market.runs WHERE status NOT IN ('succeeded', 'failed');
COMMENT ON COLUMN market.runs.status IS NULL;
ALTER TABLE market.runs DROP CONSTRAINT runs_status_check;
ALTER TABLE market.runs ADD CONSTRAINT runs_status_check CHECK (status IN ('succeeded', 'failed'));
