-- What is stored of the user of a transaction.
SELECT user_id, username, email, is_active, is_admin, last_login, created_at, updated_at FROM market.users WHERE user_id = :'user_id';
