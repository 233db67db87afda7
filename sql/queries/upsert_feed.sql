-- Gives a feed a limit of its own, in whole seconds without a tick.
INSERT INTO market.feeds AS known (feed, silence_seconds)
VALUES (:'feed', :'silence_seconds'::integer)
ON CONFLICT (feed) DO UPDATE SET silence_seconds = excluded.silence_seconds
WHERE known.silence_seconds <> excluded.silence_seconds;
