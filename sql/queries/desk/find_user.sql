-- The user of a transaction, and whether what the caller's token says of him is other than what is stored, or his visit is news.
SELECT
    is_active,
    coalesce(:'username', username) IS DISTINCT FROM username OR coalesce(:'email', email) IS DISTINCT FROM email
        OR last_login IS NULL OR last_login < :'at'::timestamptz - INTERVAL '5 minutes' AS is_other
FROM market.users
WHERE user_id = :'user_id';
