-- The mark that this client gave the session when it began it; null in a session that a pooler began.
SELECT current_setting('chandlery.session', true) AS mark;
