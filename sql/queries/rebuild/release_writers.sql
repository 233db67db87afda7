-- Lets the writers of a data set go on.
SELECT pg_advisory_unlock(hashtext('market.' || :'dataset'));
