-- The user of a transaction, and whether the caller's token says other things than are stored, or the visit is news.
SELECT
    is_active,
    coalesce(:'username', username) IS DISTINCT FROM username OR coalesce(:'email', email) IS DISTINCT FROM email
        OR last_login IS NULL OR last_login < :'at'::timestamptz - INTERVAL '5 minutes' AS is_other
FROM market.users
WHERE user_id = :'user_id';
