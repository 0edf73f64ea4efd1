-- A site is a tenant: one seller's membership. Nothing of one site ever touches another's rows, so every table below
-- carries the site, and foreign keys carry it along.
CREATE TABLE sites (
    id uuid PRIMARY KEY,
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    name text NOT NULL CHECK (name <> ''),
    -- The account's subdomain at ThriveCart, lower case. Two sites may share one: then the secret tells them apart.
    thrivecart_account text CHECK (thrivecart_account ~ '^[^A-Z]+$'),
    test_mode_grants boolean NOT NULL DEFAULT false,
    -- Access kept after a decline, counted from the first.
    grace_days integer NOT NULL DEFAULT 7 CHECK (grace_days BETWEEN 0 AND 90),
    -- Access kept when a renewal is due and nobody says a word.
    slack_days integer NOT NULL DEFAULT 7 CHECK (slack_days BETWEEN 0 AND 90),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    created_at timestamptz NOT NULL
);

CREATE INDEX sites_thrivecart_account ON sites (thrivecart_account);

-- The words and keys that prove a webhook is a provider's. Several are current while one is rotated out.
CREATE TABLE site_secrets (
    id uuid PRIMARY KEY,
    site uuid NOT NULL REFERENCES sites (id),
    provider text NOT NULL CHECK (provider IN ('thrivecart', 'paypal', 'stripe', 'checkout-page')),
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    -- From then on it proves nothing; null is current.
    retired_at timestamptz CHECK (retired_at >= created_at)
);

CREATE INDEX site_secrets_site ON site_secrets (site, provider);

CREATE TABLE plans (
    id uuid PRIMARY KEY,
    site uuid NOT NULL REFERENCES sites (id),
    slug text NOT NULL CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    name text NOT NULL CHECK (name <> ''),
    created_at timestamptz NOT NULL,
    UNIQUE (site, slug),
    UNIQUE (id, site)
);

-- Which items open a plan: its External IDs. An item may feed several plans, a plan several items.
CREATE TABLE plan_items (
    plan uuid NOT NULL,
    site uuid NOT NULL,
    item_key text NOT NULL CHECK (item_key ~ '^(product|bump|upsell|downsell)-[1-9][0-9]{0,17}$'),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (plan, item_key),
    FOREIGN KEY (plan, site) REFERENCES plans (id, site)
);

CREATE INDEX plan_items_item ON plan_items (site, item_key);
