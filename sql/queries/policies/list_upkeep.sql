-- When each policy was last carried out in the scheduler's place, and whether it failed.
SELECT policy, ran_at, succeeded_at, failures, error FROM market.upkeep;
