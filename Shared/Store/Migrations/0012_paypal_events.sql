-- What PayPal told us, each event once however often it is sent.
CREATE TABLE paypal_events (
    id text PRIMARY KEY CHECK (id <> ''),
    type text NOT NULL CHECK (type <> ''),
    -- As it came: what is forwarded, and what a simulated event is made of.
    body bytea NOT NULL,
    -- The values of PayPal's headers, in the order of Forward.passedHeaders.
    headers text[] NOT NULL CHECK (cardinality(headers) = 5),
    source text NOT NULL CHECK (source IN ('webhook', 'reconciliation', 'replay')),
    -- Whose it is, once that is known.
    merchant uuid REFERENCES merchants (id) ON DELETE SET NULL,
    subscription uuid REFERENCES vault_subscriptions (id),
    occurred_at timestamptz,
    received_at timestamptz NOT NULL,
    -- 'applying': its effects are kept, and what must come before it is forwarded is under way.
    status text NOT NULL CHECK (status IN ('applying', 'applied', 'ignored', 'flagged', 'failed')),
    reason text CHECK (reason <> ''),
    settled_at timestamptz,
    CHECK ((status = 'applying') = (settled_at IS NULL))
);

CREATE INDEX paypal_events_type ON paypal_events (type, received_at);
CREATE INDEX paypal_events_merchant ON paypal_events (merchant, received_at) WHERE merchant IS NOT NULL;
CREATE INDEX paypal_events_unsettled ON paypal_events (received_at) WHERE status IN ('applying', 'flagged', 'failed');

-- The first event that told a payment's state. Another event of the same news has no effect and is not forwarded.
CREATE TABLE paypal_news (
    type text NOT NULL,
    resource text NOT NULL,
    state text NOT NULL,
    event text NOT NULL REFERENCES paypal_events (id),
    PRIMARY KEY (type, resource, state)
);
