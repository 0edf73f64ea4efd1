-- Recurring agreements paid with a vault token. Periods and charges have tables of their own.
CREATE TABLE vault_subscriptions (
    id uuid PRIMARY KEY,
    merchant uuid NOT NULL REFERENCES merchants (id),
    -- What the shop knows it by: the id of its order at PayPal, or of its setup token.
    paypal_id text NOT NULL CHECK (paypal_id <> ''),
    flow text NOT NULL CHECK (flow IN ('vault_first', 'capture_first')),
    source text NOT NULL CHECK (source IN ('paypal', 'card', 'venmo', 'apple_pay')),
    thrive_order_id bigint NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    frequency text NOT NULL CHECK (frequency IN ('day', 'week', 'month', 'quarter', 'half-year', 'year')),
    -- How the shop spelled it; it is told the same again.
    interval_text text NOT NULL,
    description text,
    trial_days integer NOT NULL DEFAULT 0 CHECK (trial_days >= 0),
    -- 'activating': money or a token is on its way; it never renews until the shop asked again.
    status text NOT NULL CHECK (
        status IN ('approving', 'activating', 'trialing', 'active', 'past_due', 'canceled', 'revoked')
    ),
    -- Period n is due at anchor + n × frequency, never counted from the one before it.
    anchor_at timestamptz,
    next_period integer NOT NULL DEFAULT 0 CHECK (next_period >= 0),
    next_action_at timestamptz,
    first_failed_at timestamptz,
    last_error text CHECK (last_error <> ''),
    cancel_requested_at timestamptz,
    customer_id text,
    -- The vault token, sealed for 'vault_subscriptions/<id>', and its SHA-256 to find it by. Both gone once purged.
    vault_token bytea,
    vault_token_hash bytea CHECK (octet_length(vault_token_hash) = 32),
    -- The first charge went through and the token has yet to come.
    vault_pending boolean NOT NULL DEFAULT false,
    -- When the vault is asked next for a token that is pending.
    vault_poll_at timestamptz,
    row_version bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    activated_at timestamptz,
    UNIQUE (merchant, paypal_id),
    UNIQUE (id, merchant),
    CHECK ((vault_token IS NULL) = (vault_token_hash IS NULL)),
    CHECK (status NOT IN ('trialing', 'active', 'past_due') OR anchor_at IS NOT NULL)
);

CREATE INDEX vault_subscriptions_paypal_id ON vault_subscriptions (paypal_id);
CREATE INDEX vault_subscriptions_due ON vault_subscriptions (next_action_at)
    WHERE status IN ('trialing', 'active', 'past_due');
CREATE INDEX vault_subscriptions_token ON vault_subscriptions (vault_token_hash) WHERE vault_token_hash IS NOT NULL;
CREATE INDEX vault_subscriptions_customer ON vault_subscriptions (merchant, customer_id) WHERE vault_pending;
CREATE INDEX vault_subscriptions_poll ON vault_subscriptions (vault_poll_at) WHERE vault_pending;

-- Orders made through us. An id that PayPal gave to one merchant is never shown to another.
CREATE TABLE paypal_orders (
    id text PRIMARY KEY CHECK (id <> ''),
    merchant uuid NOT NULL REFERENCES merchants (id),
    subscription uuid,
    status text NOT NULL,
    amount_minor bigint,
    currency text CHECK (currency ~ '^[A-Z]{3}$'),
    custom_id text,
    invoice_id text,
    debug_id text,
    -- Set before a capture is asked for, taken away with its outcome: what a crash leaves behind is looked up.
    capturing_since timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CHECK ((amount_minor IS NULL) = (currency IS NULL)),
    UNIQUE (id, merchant),
    FOREIGN KEY (subscription, merchant) REFERENCES vault_subscriptions (id, merchant)
);

CREATE INDEX paypal_orders_merchant ON paypal_orders (merchant, created_at);
CREATE INDEX paypal_orders_subscription ON paypal_orders (subscription) WHERE subscription IS NOT NULL;
CREATE INDEX paypal_orders_capturing ON paypal_orders (capturing_since) WHERE capturing_since IS NOT NULL;

-- Money taken.
CREATE TABLE paypal_captures (
    id text PRIMARY KEY CHECK (id <> ''),
    merchant uuid NOT NULL REFERENCES merchants (id),
    order_id text NOT NULL,
    subscription uuid,
    status text NOT NULL CHECK (
        status IN ('PENDING', 'DECLINED', 'FAILED', 'COMPLETED', 'PARTIALLY_REFUNDED', 'REFUNDED', 'REVERSED')
    ),
    amount_minor bigint NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (id, merchant),
    FOREIGN KEY (order_id, merchant) REFERENCES paypal_orders (id, merchant),
    FOREIGN KEY (subscription, merchant) REFERENCES vault_subscriptions (id, merchant)
);

CREATE INDEX paypal_captures_order ON paypal_captures (order_id);
CREATE INDEX paypal_captures_subscription ON paypal_captures (subscription) WHERE subscription IS NOT NULL;

-- Money back.
CREATE TABLE paypal_refunds (
    id text PRIMARY KEY CHECK (id <> ''),
    merchant uuid NOT NULL REFERENCES merchants (id),
    capture text NOT NULL,
    status text NOT NULL CHECK (status IN ('PENDING', 'COMPLETED', 'CANCELLED', 'FAILED')),
    amount_minor bigint,
    currency text CHECK (currency ~ '^[A-Z]{3}$'),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CHECK ((amount_minor IS NULL) = (currency IS NULL)),
    FOREIGN KEY (capture, merchant) REFERENCES paypal_captures (id, merchant)
);

CREATE INDEX paypal_refunds_capture ON paypal_refunds (capture);
