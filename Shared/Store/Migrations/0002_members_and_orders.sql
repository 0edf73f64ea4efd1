CREATE TABLE members (
    id uuid PRIMARY KEY,
    site uuid NOT NULL REFERENCES sites (id),
    -- The address to sign in with, normalised: one person a site.
    email text NOT NULL CHECK (email LIKE '%_@_%' AND email !~ '[A-Z ]'),
    -- As it was typed: what mail is sent to.
    email_original text NOT NULL CHECK (email_original <> ''),
    first_name text CHECK (first_name <> ''),
    last_name text CHECK (last_name <> ''),
    -- The address the provider knows now, where it is another one.
    billing_email text CHECK (billing_email <> ''),
    -- 'later-event': made from a renewal whose sale we have not seen; provisional until that sale comes.
    origin text NOT NULL CHECK (origin IN ('sale', 'later-event', 'operator')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (site, email),
    UNIQUE (id, site)
);

-- One purchase. The row may be older than what we know of the sale: a later event makes it, the sale fills it.
CREATE TABLE orders (
    id uuid PRIMARY KEY,
    site uuid NOT NULL REFERENCES sites (id),
    provider text NOT NULL CHECK (provider IN ('thrivecart', 'paypal', 'stripe', 'checkout-page')),
    account text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('live', 'test')),
    -- The provider's order id: text, for it may be larger than any number.
    number text NOT NULL CHECK (number <> ''),
    -- Null until something of it opens a plan.
    member uuid,
    sold_at timestamptz,
    invoice text,
    currency text,
    -- Hundredths, tax included.
    total_gross bigint,
    -- What a person should look at; derived from the ledger, see Domain's OrderFlag.
    flags text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (site, provider, account, mode, number),
    UNIQUE (id, site),
    FOREIGN KEY (member, site) REFERENCES members (id, site)
);

CREATE INDEX orders_member ON orders (member) WHERE member IS NOT NULL;
CREATE INDEX orders_number ON orders (site, number);
CREATE INDEX orders_flagged ON orders (site, updated_at) WHERE flags <> '{}';

-- Whom an order's events named, each reading of a person once. Who the member is, is worked out from these alone, so
-- that it does not depend on which event came first.
CREATE TABLE order_buyers (
    order_id uuid NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    site uuid NOT NULL,
    -- Repeated from the order: customers are looked up in it.
    provider text NOT NULL,
    account text NOT NULL,
    mode text NOT NULL,
    from_sale boolean NOT NULL,
    email text,
    email_original text,
    first_name text,
    last_name text,
    customer text,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL CHECK (last_seen_at >= first_seen_at),
    CHECK ((email IS NULL) = (email_original IS NULL)),
    UNIQUE NULLS NOT DISTINCT (order_id, from_sale, email_original, first_name, last_name, customer)
);

CREATE INDEX order_buyers_customer ON order_buyers (site, provider, account, mode, customer) WHERE customer IS NOT NULL;
CREATE INDEX order_buyers_email ON order_buyers (site, email) WHERE email IS NOT NULL;

-- The ledger: one row an item, its aspects side by side, each moving forward in the provider's time. The aspects that
-- are sets have tables of their own below. Source: rules C3 and C4.
CREATE TABLE order_items (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    -- Null: events that named no item. They belong to the order's only item, or to none while it has several.
    item_key text CHECK (item_key ~ '^(product|bump|upsell|downsell)-[1-9][0-9]{0,17}$'),
    -- The sale.
    sold_at timestamptz,
    name text,
    paid_gross bigint,
    recurs boolean NOT NULL DEFAULT false,
    next_due timestamptz,
    frequency text CHECK (frequency IN ('day', 'week', 'month', 'quarter', 'half-year', 'year')),
    subscription text,
    -- Paused or resumed, whichever was last.
    suspension text CHECK (suspension IN ('paused', 'resumed')),
    suspended_at timestamptz,
    suspension_period_end timestamptz,
    -- Cancelled, the last time.
    cancelled_at timestamptz,
    cancelled_period_end timestamptz,
    -- The last instalment was paid.
    completed_at timestamptz,
    CHECK (sold_at IS NOT NULL OR (name IS NULL AND paid_gross IS NULL AND NOT recurs AND next_due IS NULL)),
    CHECK ((suspension IS NULL) = (suspended_at IS NULL)),
    CHECK (suspended_at IS NOT NULL OR suspension_period_end IS NULL),
    CHECK (cancelled_at IS NOT NULL OR cancelled_period_end IS NULL),
    UNIQUE NULLS NOT DISTINCT (order_id, item_key)
);

CREATE INDEX order_items_key ON order_items (item_key);

-- Renewals that were paid. The key tells one from the item's others, by whatever road it came.
CREATE TABLE order_payments (
    order_item uuid NOT NULL REFERENCES order_items (id) ON DELETE CASCADE,
    key text NOT NULL,
    paid_at timestamptz NOT NULL,
    -- False: the provider gave no time, and paid_at is when we heard.
    timed boolean NOT NULL,
    invoice text,
    -- Hundredths, tax included.
    amount_gross bigint,
    next_due timestamptz,
    frequency text CHECK (frequency IN ('day', 'week', 'month', 'quarter', 'half-year', 'year')),
    -- Instalments still to come; null is open-ended.
    remaining integer CHECK (remaining >= 0),
    PRIMARY KEY (order_item, key)
);

CREATE TABLE order_failures (
    order_item uuid NOT NULL REFERENCES order_items (id) ON DELETE CASCADE,
    key text NOT NULL,
    failed_at timestamptz NOT NULL,
    invoice text,
    PRIMARY KEY (order_item, key)
);

CREATE TABLE order_refunds (
    order_item uuid NOT NULL REFERENCES order_items (id) ON DELETE CASCADE,
    key text NOT NULL,
    refunded_at timestamptz NOT NULL,
    invoice text,
    -- Hundredths, tax included.
    amount_gross bigint,
    -- What the refund said the whole order had cost.
    order_total_gross bigint,
    PRIMARY KEY (order_item, key)
);
