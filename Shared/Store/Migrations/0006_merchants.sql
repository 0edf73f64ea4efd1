-- Shops connected to us: one site of one PayPal account each.
CREATE TABLE merchants (
    id uuid PRIMARY KEY,
    environment text NOT NULL CHECK (environment IN ('sandbox', 'live')),
    -- PayPal's id of the account. Public: knowing it proves nothing.
    paypal_id text NOT NULL CHECK (paypal_id ~ '^[A-Za-z0-9]{1,20}$'),
    -- SHA-256 of the shop's secret, which PayPal knows as the tracking id.
    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    site_url text NOT NULL CHECK (site_url ~ '^https?://' AND octet_length(site_url) <= 2048),
    webhooks_url text CHECK (webhooks_url ~ '^https?://' AND octet_length(webhooks_url) <= 2048),
    -- What forwards are signed with; sealed for 'merchants.webhook_secret/<id>'. Null while pending.
    webhook_secret bytea,
    license_key text CHECK (license_key <> ''),
    -- 'pending': approved by the seller, not yet known to PayPal.
    state text NOT NULL CHECK (state IN ('pending', 'connected', 'disconnected')),
    state_since timestamptz NOT NULL,
    -- What PayPal said of the account when it was last asked.
    profile jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    CHECK (state <> 'connected' OR webhook_secret IS NOT NULL)
);

-- A site has one connection to an account, and a secret opens one of them. A pending one is only a claim: others may
-- claim the same, and PayPal says who is right.
CREATE UNIQUE INDEX merchants_site ON merchants (environment, paypal_id, site_url) WHERE state <> 'pending';
CREATE UNIQUE INDEX merchants_secret ON merchants (environment, secret_hash) WHERE state = 'connected';
CREATE UNIQUE INDEX merchants_claim ON merchants (environment, secret_hash, paypal_id) WHERE state = 'pending';
CREATE INDEX merchants_account ON merchants (environment, paypal_id);

-- Bearers, by the SHA-256 of what was handed out. A merchant that leaves loses them in the same transaction.
CREATE TABLE merchant_tokens (
    hash bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    merchant uuid NOT NULL REFERENCES merchants (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at)
);

CREATE INDEX merchant_tokens_merchant ON merchant_tokens (merchant, created_at);
CREATE INDEX merchant_tokens_expiry ON merchant_tokens (expires_at);

-- Domains whose checkout may show Apple Pay, as far as we registered them.
CREATE TABLE wallet_domains (
    merchant uuid NOT NULL REFERENCES merchants (id) ON DELETE CASCADE,
    domain text NOT NULL CHECK (domain = lower(domain) AND domain <> ''),
    registered_at timestamptz NOT NULL,
    PRIMARY KEY (merchant, domain)
);

-- A shop's PayPal-Request-Id: what it asked with it, and what it was answered. Written before PayPal is called, so that
-- a repeat after a crash asks PayPal for the same thing with the same id.
CREATE TABLE merchant_requests (
    merchant uuid NOT NULL REFERENCES merchants (id) ON DELETE CASCADE,
    operation text NOT NULL,
    key text NOT NULL CHECK (key <> '' AND octet_length(key) <= 108),
    -- SHA-256 of what was asked: the same id with other parameters is refused.
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    -- Until then a first request is taken to be on its way, and a second one is told to wait.
    running_until timestamptz,
    -- The first answer that settled it. Null: nobody knows yet.
    status integer,
    body bytea,
    debug_id text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (merchant, operation, key),
    CHECK ((status IS NULL) = (body IS NULL))
);

CREATE INDEX merchant_requests_created ON merchant_requests (created_at);
