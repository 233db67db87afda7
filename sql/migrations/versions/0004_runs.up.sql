-- One row per component run; the scheduled time is the run's identity.

CREATE TABLE market.runs (
    component text NOT NULL,
    scheduled_at timestamptz NOT NULL,
    status text NOT NULL CHECK (status IN ('succeeded', 'failed')),
    attempts integer NOT NULL DEFAULT 1 CHECK (attempts > 0),
    counts jsonb NOT NULL DEFAULT '{}',
    seconds double precision NOT NULL CHECK (seconds >= 0),
    error text,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (component, scheduled_at),
    CHECK ((status = 'failed') = (error IS NOT NULL))
);
COMMENT ON TABLE market.runs IS 'What each component did, per scheduled time. A firing that repeats a succeeded run and finds nothing to do leaves its row alone.';
