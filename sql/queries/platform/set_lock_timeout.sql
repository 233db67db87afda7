-- How long a statement of this transaction may wait for a lock: whoever comes to read meanwhile waits as long.
SELECT set_config('lock_timeout', :'milliseconds'::text, true);
