-- The role stays: it is the server's, and other databases may use it.
REVOKE ALL ON market.ticks, market.instruments, market.calendars, market.sessions FROM chandlery_producer;
REVOKE USAGE ON SCHEMA market FROM chandlery_producer;
