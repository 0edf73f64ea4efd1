-- What a provider told us, kept once. The body never holds the secret.
CREATE TABLE inbound_events (
    id uuid PRIMARY KEY,
    site uuid NOT NULL REFERENCES sites (id),
    provider text NOT NULL CHECK (provider IN ('thrivecart', 'paypal', 'stripe', 'checkout-page')),
    -- Layer 1: the same when the same delivery is sent again. Source: rule B1.
    delivery_key text NOT NULL,
    name text NOT NULL,
    source text NOT NULL CHECK (source IN ('webhook', 'reconciliation', 'replay')),
    body bytea NOT NULL,
    mode text CHECK (mode IN ('live', 'test')),
    order_number text,
    email text,
    -- The provider's clock; null is untimed.
    occurred_at timestamptz,
    received_at timestamptz NOT NULL,
    applied_at timestamptz NOT NULL,
    -- 'ignored' has no effect by its nature, 'flagged' for want of something a person may put right.
    status text NOT NULL CHECK (status IN ('applied', 'ignored', 'flagged', 'failed')),
    reason text CHECK (reason <> ''),
    CHECK (status = 'applied' OR reason IS NOT NULL),
    UNIQUE (site, provider, delivery_key)
);

CREATE INDEX inbound_events_received ON inbound_events (site, received_at);
CREATE INDEX inbound_events_email ON inbound_events (site, email) WHERE email IS NOT NULL;
CREATE INDEX inbound_events_order ON inbound_events (site, order_number) WHERE order_number IS NOT NULL;
CREATE INDEX inbound_events_name ON inbound_events (site, name, received_at);
CREATE INDEX inbound_events_status ON inbound_events (site, status, received_at) WHERE status <> 'applied';

-- Layer 2: facts we have acted on, by whatever road they came. Inserted with their effect. Source: rules B2 and B3.
CREATE TABLE idempotency_keys (
    site uuid NOT NULL REFERENCES sites (id),
    key text NOT NULL,
    event uuid REFERENCES inbound_events (id),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (site, key)
);

-- Why a member's access changed. Rows are never updated; they outlive what they are about. Source: rule H5.
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site uuid NOT NULL REFERENCES sites (id),
    source text NOT NULL CHECK (source IN ('webhook', 'reconciliation', 'replay', 'schedule', 'operator')),
    -- What was done: an event's name, or a word of ours such as 'lapse' or 'plan link'.
    action text NOT NULL,
    event uuid,
    natural_key text,
    member uuid,
    plan uuid,
    order_id uuid,
    entitlement uuid,
    before_status text,
    before_access boolean,
    after_status text,
    after_access boolean,
    access_until timestamptz,
    occurred_at timestamptz,
    applied_at timestamptz NOT NULL
);

CREATE INDEX audit_member ON audit (member, id);
CREATE INDEX audit_order ON audit (order_id, id);
CREATE INDEX audit_event ON audit (event) WHERE event IS NOT NULL;

-- Messages staged with the change they tell of, until relayed. Bodies are made once and sent as they stand.
CREATE TABLE outbox (
    id uuid PRIMARY KEY,
    -- In the order of staging, for one subject also the order of commits.
    position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    site uuid NOT NULL REFERENCES sites (id),
    type text NOT NULL CHECK (type ~ '^[a-z_]+\.[a-z_]+$'),
    member uuid,
    order_id uuid,
    plan uuid,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    relayed_at timestamptz
);

CREATE INDEX outbox_waiting ON outbox (position) WHERE relayed_at IS NULL;
CREATE INDEX outbox_member ON outbox (member, position);
