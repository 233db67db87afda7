-- The stretches of a data set that retention has dropped, in order: what is derived from them can never be made again.
SELECT greatest(lower(stretch), '1900-01-01 00:00Z') AS starts, upper(stretch) AS ends FROM unnest(market.dropped(:'dataset')) AS stretch;
