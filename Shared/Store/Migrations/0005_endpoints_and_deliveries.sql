-- Where a site's messages go.
CREATE TABLE endpoints (
    id uuid PRIMARY KEY,
    site uuid NOT NULL REFERENCES sites (id),
    url text NOT NULL CHECK (url ~ '^https?://' AND octet_length(url) <= 2048),
    description text CHECK (description <> ''),
    -- Null: all of the site's messages; else those that tell of this plan, or of an order that opens it.
    plan uuid,
    -- Empty: every type.
    types text[] NOT NULL DEFAULT '{}',
    -- Who is told when it is switched off.
    contact text CHECK (contact LIKE '%_@_%'),
    -- 'delinquent': it only failed for days; 'gone': it answered 410. Both are switched off by us.
    state text NOT NULL DEFAULT 'enabled' CHECK (state IN ('enabled', 'disabled', 'delinquent', 'gone')),
    state_since timestamptz NOT NULL,
    -- Since its last success: the first failure, and how many.
    failing_since timestamptz,
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    created_at timestamptz NOT NULL,
    CHECK ((failures = 0) = (failing_since IS NULL)),
    UNIQUE (id, site),
    FOREIGN KEY (plan, site) REFERENCES plans (id, site)
);

CREATE INDEX endpoints_site ON endpoints (site);

-- What signs. Two are current while one is rotated out: then both sign.
CREATE TABLE endpoint_secrets (
    id uuid PRIMARY KEY,
    endpoint uuid NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    -- From then on it signs nothing; null is current.
    retired_at timestamptz CHECK (retired_at >= created_at)
);

CREATE INDEX endpoint_secrets_endpoint ON endpoint_secrets (endpoint);

-- One message to one endpoint.
CREATE TABLE deliveries (
    id uuid PRIMARY KEY,
    site uuid NOT NULL,
    endpoint uuid NOT NULL,
    message uuid NOT NULL REFERENCES outbox (id),
    -- The message's, repeated: the order of first attempts.
    position bigint NOT NULL,
    -- Whom it is about: the member, else the order, else nobody but itself. One subject's messages go in their order.
    subject uuid NOT NULL,
    -- 'failed': the schedule is through; 'canceled': its endpoint was switched off.
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed', 'canceled')),
    attempts integer NOT NULL DEFAULT 0,
    -- Tries of the present schedule; a resend starts it anew.
    step integer NOT NULL DEFAULT 0,
    -- Counts what was planned. A job of an earlier turn finds that another has taken its place.
    turn integer NOT NULL DEFAULT 1,
    due_at timestamptz NOT NULL,
    -- The turn that is being sent now, so that no two attempts overlap.
    sending_turn integer,
    sending_since timestamptz,
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    CHECK ((sending_turn IS NULL) = (sending_since IS NULL)),
    CHECK ((state = 'pending') = (settled_at IS NULL)),
    UNIQUE (endpoint, message),
    FOREIGN KEY (endpoint, site) REFERENCES endpoints (id, site)
) WITH (fillfactor = 80);

-- The sweep looks for what is due, the order rule for what was never tried.
CREATE INDEX deliveries_due ON deliveries (due_at, id) WHERE state = 'pending';
CREATE INDEX deliveries_untried ON deliveries (endpoint, subject, position) WHERE state = 'pending' AND attempts = 0;
CREATE INDEX deliveries_message ON deliveries (message);
CREATE INDEX deliveries_site ON deliveries (site, position);

-- One POST.
CREATE TABLE delivery_attempts (
    delivery uuid NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    number integer NOT NULL,
    at timestamptz NOT NULL,
    -- The answer's, or why there was none.
    status integer,
    failure text CHECK (failure <> ''),
    latency_ms integer NOT NULL,
    -- The beginning of the answer, 4 KiB at most.
    answer bytea NOT NULL CHECK (octet_length(answer) <= 4096),
    -- Null: that was the last.
    next_at timestamptz,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((status IS NULL) = (failure IS NOT NULL)),
    PRIMARY KEY (delivery, number)
);

CREATE INDEX delivery_attempts_recorded ON delivery_attempts (recorded_at);

-- Letters to people, made once, sent through the system's sendmail.
CREATE TABLE mails (
    id uuid PRIMARY KEY,
    site uuid REFERENCES sites (id),
    template text NOT NULL CHECK (template <> ''),
    -- What it is about, so that nobody is told twice.
    dedupe_key text NOT NULL UNIQUE,
    recipient text NOT NULL CHECK (recipient LIKE '%_@_%'),
    subject text NOT NULL,
    body_text text NOT NULL,
    body_html text NOT NULL,
    -- 'kept': no mail was configured when it was due.
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'kept', 'failed')),
    tries integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    failure text CHECK (failure <> ''),
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    CHECK ((state = 'waiting') = (settled_at IS NULL))
);

CREATE INDEX mails_waiting ON mails (due_at, id) WHERE state = 'waiting';

-- Sites whose members get letters from us.
CREATE TABLE site_mails (
    site uuid PRIMARY KEY REFERENCES sites (id),
    -- Where a member signs in; part of the welcome.
    sign_in_url text NOT NULL CHECK (sign_in_url ~ '^https?://[^[:space:]]+$')
);
