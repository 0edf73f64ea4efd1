-- Jobs that gave up and have lain in Redis for a while. Never trimmed: a human looks for them, replays them, or leaves them.
CREATE TABLE dead_letters (
    queue text NOT NULL CHECK (queue <> ''),
    job text NOT NULL CHECK (job <> ''),
    died_at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind <> ''),
    reason text NOT NULL,
    last_error text NOT NULL,
    attempt integer NOT NULL CHECK (attempt >= 0),
    crashes integer NOT NULL CHECK (crashes >= 0),
    enqueued_at timestamptz,
    -- As it waited in the queue, payload and all.
    envelope bytea NOT NULL,
    archived_at timestamptz NOT NULL,
    -- When it was last put back in line.
    replayed_at timestamptz,
    -- A job that was replayed and died again is another letter. The copy to here may be made twice.
    PRIMARY KEY (queue, job, died_at)
);

CREATE INDEX dead_letters_died ON dead_letters (died_at, queue, job);
CREATE INDEX dead_letters_kind ON dead_letters (kind, died_at);
