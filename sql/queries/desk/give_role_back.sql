-- Puts back the role before, where the transaction continues.
SELECT set_config('chandlery.user', '', true) AS user_id, set_config('role', :'role', true) AS role;
