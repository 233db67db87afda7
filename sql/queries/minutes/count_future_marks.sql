-- How many marks lie beyond :latest, where no honest tick can be yet.
SELECT count(*) AS future_marks FROM market.dirty WHERE dataset = :'dataset' AND bucket > :'latest'::timestamptz;
