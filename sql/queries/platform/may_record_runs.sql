-- Whether the login may write rows of runs: one that only reads may not.
SELECT has_table_privilege('market.runs', 'INSERT') AND has_table_privilege('market.runs', 'UPDATE');
