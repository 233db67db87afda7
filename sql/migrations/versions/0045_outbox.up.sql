-- Messages for others, written in the transaction of what they report; and changes of data that no message reports yet.

CREATE TABLE market.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text COLLATE "C" NOT NULL CHECK (topic <> ''),
    key text COLLATE "C" NOT NULL CHECK (key <> ''),
    group_key text COLLATE "C" NOT NULL CHECK (group_key <> ''),
    body jsonb NOT NULL CHECK (jsonb_typeof(body) = 'object'),
    created_at timestamptz NOT NULL CHECK (isfinite(created_at)),
    sent_at timestamptz CHECK (isfinite(sent_at)),
    refused_at timestamptz CHECK (isfinite(refused_at)),
    tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    failed_because text,
    UNIQUE (topic, key)
);
CREATE INDEX outbox_waiting_idx ON market.outbox (topic, id) WHERE sent_at IS NULL;
CREATE INDEX outbox_sent_idx ON market.outbox USING brin (sent_at);
COMMENT ON TABLE market.outbox IS 'Messages for others, each written in the transaction of what it reports, and delivered after it at least once, with its key.';
COMMENT ON COLUMN market.outbox.topic IS 'What it is about, which says where it goes: signals, alerts, changes.';
COMMENT ON COLUMN market.outbox.key IS 'By which who receives it twice knows it again.';
COMMENT ON COLUMN market.outbox.group_key IS 'Messages of one group are delivered in the order of their ids.';
COMMENT ON COLUMN market.outbox.created_at IS 'The scheduled time of the run that wrote it.';
COMMENT ON COLUMN market.outbox.sent_at IS 'The scheduled time of the run that delivered it; null: it was not delivered yet.';
COMMENT ON COLUMN market.outbox.refused_at IS 'When it was refused for good: it holds up nothing behind it, and waits for chandlery outbox retry.';
COMMENT ON COLUMN market.outbox.tries IS 'How often its delivery was tried.';
COMMENT ON COLUMN market.outbox.failed_because IS 'Why the last try failed; null where none did.';

-- What messages say is for those it is meant for; what changed is read from market.changes.
REVOKE SELECT ON market.outbox FROM chandlery_reader;
-- Messages of changes are numbered by their publisher.
GRANT USAGE ON SEQUENCE market.outbox_id_seq TO chandlery_writer;

CREATE TABLE market.unpublished_changes (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('new', 'revised', 'healed', 'deleted')),
    timeframes text[] NOT NULL,
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL CHECK (ends > starts),
    instrument_ids integer[]
);
COMMENT ON TABLE market.unpublished_changes IS 'Changes of data that no message reports yet, each written in the transaction of the change; none where changes are not published.';
COMMENT ON COLUMN market.unpublished_changes.timeframes IS 'Roll-ups that were computed again; none: the rows of the data set itself.';
COMMENT ON COLUMN market.unpublished_changes.starts IS 'From the first row or bucket that changed on,';
COMMENT ON COLUMN market.unpublished_changes.ends IS 'to before this moment.';
COMMENT ON COLUMN market.unpublished_changes.instrument_ids IS 'Of which instruments; null: of any.';
