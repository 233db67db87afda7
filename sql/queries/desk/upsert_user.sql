-- Writes who was let in; what his token does not say is kept.
INSERT INTO market.users AS known (user_id, username, email, last_login)
VALUES (:'user_id', :'username', :'email', :'at'::timestamptz)
ON CONFLICT (user_id) DO UPDATE SET
    username = coalesce(excluded.username, known.username),
    email = coalesce(excluded.email, known.email),
    last_login = greatest(excluded.last_login, known.last_login),
    updated_at = CASE
        WHEN (coalesce(excluded.username, known.username), coalesce(excluded.email, known.email))
            IS DISTINCT FROM (known.username, known.email)
        THEN excluded.last_login ELSE known.updated_at
    END
RETURNING is_active;
