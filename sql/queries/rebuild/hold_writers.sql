-- Keeps those who write a data set's rows under its lock waiting, for longer than one transaction: a refresh wants its own.
SELECT pg_advisory_lock(hashtext('market.' || :'dataset'));
