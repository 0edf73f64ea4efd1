-- A member's right to a plan, one row a source: an item of an order, or an operator's grant. Access to a plan is the
-- strongest of its rows. Source: rule F1.
CREATE TABLE entitlements (
    id uuid PRIMARY KEY,
    site uuid NOT NULL REFERENCES sites (id),
    member uuid NOT NULL,
    plan uuid NOT NULL,
    order_item uuid REFERENCES order_items (id),
    -- Who granted it by hand.
    granted_by text CHECK (granted_by <> ''),
    status text NOT NULL CHECK (
        status IN ('active', 'past_due', 'paused', 'ending', 'ended', 'refunded', 'completed', 'none')
    ),
    access boolean NOT NULL,
    -- When access is known to end; null is open.
    access_until timestamptz,
    paid_through timestamptz,
    -- When time alone changes the row. Access is never gained by waiting, so until then it is as it stands, and from
    -- then on there is none, whether or not the sweep has come by.
    next_change_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CHECK ((order_item IS NULL) = (granted_by IS NOT NULL)),
    CHECK (status NOT IN ('active', 'completed', 'ending') OR access),
    CHECK (status NOT IN ('ended', 'refunded', 'none') OR NOT access),
    CHECK (status <> 'ending' OR access_until IS NOT NULL),
    CHECK (access OR next_change_at IS NULL),
    UNIQUE (plan, order_item),
    FOREIGN KEY (member, site) REFERENCES members (id, site),
    FOREIGN KEY (plan, site) REFERENCES plans (id, site)
);

CREATE UNIQUE INDEX entitlements_manual ON entitlements (member, plan) WHERE order_item IS NULL;
CREATE INDEX entitlements_member ON entitlements (member, plan);
CREATE INDEX entitlements_order_item ON entitlements (order_item);
CREATE INDEX entitlements_due ON entitlements (next_change_at) WHERE next_change_at IS NOT NULL;

-- Buyers who left the cart. They never touch a member's access. Source: rule F10.
CREATE TABLE leads (
    id uuid PRIMARY KEY,
    site uuid NOT NULL REFERENCES sites (id),
    key text NOT NULL,
    email text NOT NULL CHECK (email <> ''),
    email_original text NOT NULL,
    first_name text,
    last_name text,
    item_key text,
    abandoned_at timestamptz NOT NULL,
    -- 'member': has access already, so there is nobody to win; 'converted': bought afterwards.
    status text NOT NULL CHECK (status IN ('open', 'member', 'converted')),
    created_at timestamptz NOT NULL,
    UNIQUE (site, key)
);

CREATE INDEX leads_email ON leads (site, email);
