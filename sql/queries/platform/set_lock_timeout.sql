-- How long a statement of this transaction may wait for a lock: later readers wait as long.
SELECT set_config('lock_timeout', :'milliseconds'::text, true);
