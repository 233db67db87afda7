-- Armed alerts whose time is over. A late tick of a minute before may still fire them.
UPDATE market.alerts SET state = 'expired', revision = revision + 1, updated_at = :'at'::timestamptz
WHERE state = 'armed' AND expires_at <= :'at'::timestamptz;
