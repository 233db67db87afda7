-- Lets the writers of a data set continue.
SELECT pg_advisory_unlock(hashtext('market.' || :'dataset'));
