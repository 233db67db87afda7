-- Each gap that is found looks up the open ones it overlaps.
CREATE INDEX ON known_gaps (instrument_id, starts);
