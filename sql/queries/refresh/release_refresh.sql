-- Lets the next refresh of an aggregate in, after one that failed: its locks are the session's.
SELECT market.release_refresh(:'aggregate');
