-- What is no longer missing looks up the hours it lies in.
CREATE INDEX ON stretches (calendar, hour);
