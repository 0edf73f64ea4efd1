-- Keys that read a site's books at a provider.
CREATE TABLE site_api_keys (
    id uuid PRIMARY KEY,
    site uuid NOT NULL REFERENCES sites (id),
    provider text NOT NULL CHECK (provider IN ('thrivecart', 'paypal', 'stripe', 'checkout-page')),
    sealed bytea NOT NULL,
    -- From then on its books are compared; also what a run is overdue by that has never succeeded.
    created_at timestamptz NOT NULL,
    UNIQUE (site, provider)
);

-- One comparison of a provider's books with ours, page by page. A run that was killed goes on where it stood.
CREATE TABLE reconciliations (
    id uuid PRIMARY KEY,
    site uuid NOT NULL REFERENCES sites (id),
    provider text NOT NULL CHECK (provider IN ('thrivecart', 'paypal', 'stripe', 'checkout-page')),
    mode text NOT NULL CHECK (mode IN ('live', 'test')),
    kind text NOT NULL CHECK (kind IN ('daily', 'asked', 'backfill')),
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'succeeded', 'failed')),
    -- The page that is looked at next; earlier ones are done.
    page integer NOT NULL DEFAULT 1 CHECK (page > 0),
    -- Rows older than this are not looked at; null is all.
    floor timestamptz,
    -- The newest row when the run began: the next run reads down to it, less the overlap.
    newest timestamptz,
    -- How many rows the books hold, where they say so.
    total bigint,
    rows bigint NOT NULL DEFAULT 0,
    agreed bigint NOT NULL DEFAULT 0,
    healed bigint NOT NULL DEFAULT 0,
    waiting bigint NOT NULL DEFAULT 0,
    needs_person bigint NOT NULL DEFAULT 0,
    problem text CHECK (problem <> ''),
    started_at timestamptz NOT NULL,
    -- Which process runs it. It says so again and again; silence means that it died.
    holder uuid NOT NULL,
    beat_at timestamptz NOT NULL,
    ended_at timestamptz,
    CHECK ((state = 'running') = (ended_at IS NULL))
);

-- At most one at a time of a site's books, and one back-fill beside it: that one is quiet, so neither may go on with the
-- other's work. A resync looks at one member and is no run.
CREATE UNIQUE INDEX reconciliations_running ON reconciliations (site, provider, mode, (kind = 'backfill'))
WHERE state = 'running';
CREATE INDEX reconciliations_site ON reconciliations (site, provider, started_at);

-- What a provider's books say and ours did not.
CREATE TABLE discrepancies (
    id uuid PRIMARY KEY,
    site uuid NOT NULL REFERENCES sites (id),
    provider text NOT NULL CHECK (provider IN ('thrivecart', 'paypal', 'stripe', 'checkout-page')),
    mode text NOT NULL CHECK (mode IN ('live', 'test')),
    -- What makes it the same one when it is found again.
    key text NOT NULL CHECK (key <> ''),
    kind text NOT NULL CHECK (
        kind IN ('sale', 'payment', 'refund', 'cancellation', 'pause', 'resume', 'completion', 'unreadable')
    ),
    order_number text,
    item_key text,
    -- The books' entry, in the shape in which it is applied.
    body bytea NOT NULL,
    -- The provider's clock.
    occurred_at timestamptz,
    found_at timestamptz NOT NULL,
    -- 'found' heals by itself when it is old enough and confirmed; 'person' needs somebody to look.
    state text NOT NULL CHECK (state IN ('found', 'healed', 'ignored', 'person')),
    reason text CHECK (reason <> ''),
    -- The event by which it was healed.
    event uuid REFERENCES inbound_events (id),
    settled_at timestamptz,
    CHECK ((state IN ('healed', 'ignored')) = (settled_at IS NOT NULL)),
    UNIQUE (site, key)
);

CREATE INDEX discrepancies_open ON discrepancies (site, found_at) WHERE state IN ('found', 'person');
CREATE INDEX discrepancies_site ON discrepancies (site, found_at);

-- False: members get no letter about it, as of what a back-fill brings.
ALTER TABLE outbox ADD COLUMN letters boolean NOT NULL DEFAULT true;
