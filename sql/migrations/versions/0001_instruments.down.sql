-- TimescaleDB itself stays: the desk's other schemas may use it.
DROP TABLE market.instruments;
DROP FUNCTION market.session_stamp(text, timestamptz);
DROP TABLE market.sessions;
DROP TABLE market.calendars;
