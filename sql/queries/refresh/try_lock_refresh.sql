-- Whether a dry run may refresh an aggregate, until its transaction ends.
SELECT pg_try_advisory_xact_lock(hashtext('market.refresh'), hashtext(:'aggregate'));
