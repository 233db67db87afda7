-- Each open gap looks up the found ones that it overlaps.
CREATE INDEX ON found_gaps (instrument_id, starts);
