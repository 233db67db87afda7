-- Takes a role for the transaction, on behalf of a user, and returns the role before. Row-level security goes by both.
SELECT
    current_setting('role') AS was, set_config('role', :'role', true) AS role,
    set_config('chandlery.user', :'user_id', true) AS user_id;
