-- What is known of a feed: its limit in whole seconds without a tick, and whether it is live; null leaves what is there.
INSERT INTO market.feeds AS known (feed, silence_seconds, live)
VALUES (:'feed', coalesce(:'silence_seconds'::integer, market.silence_limit(:'feed')), coalesce(:'live'::boolean, true))
ON CONFLICT (feed) DO UPDATE SET
    silence_seconds = excluded.silence_seconds, live = coalesce(:'live'::boolean, known.live)
WHERE (known.silence_seconds, known.live) <> (excluded.silence_seconds, coalesce(:'live'::boolean, known.live));
