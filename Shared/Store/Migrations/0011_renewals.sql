-- What a subscription owes, period by period. Nothing is charged but through these rows.
CREATE TABLE charge_periods (
    subscription uuid NOT NULL REFERENCES vault_subscriptions (id),
    number integer NOT NULL CHECK (number >= 0),
    -- The anchor + number × interval, as it was when the period came due.
    due_at timestamptz NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- 'review': came due beside an older one while we could not charge; a person decides. 'waived': a person let it go.
    status text NOT NULL CHECK (status IN ('due', 'paid', 'exhausted', 'waived', 'review')),
    -- Steps of dunning that are spent.
    step integer NOT NULL DEFAULT 0 CHECK (step BETWEEN 0 AND 3),
    -- One capture pays one period.
    capture_id text UNIQUE CHECK (capture_id <> ''),
    -- PayPal refused the invoice as paid, and has not said by which capture.
    unlinked boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (subscription, number),
    CHECK (status = 'paid' OR (capture_id IS NULL AND NOT unlinked)),
    CHECK (status <> 'paid' OR unlinked = (capture_id IS NULL)),
    CHECK (status <> 'exhausted' OR step = 3)
);

CREATE INDEX charge_periods_review ON charge_periods (updated_at) WHERE status = 'review';

-- The tries. Each is one request to PayPal, however often it has to be sent.
CREATE TABLE charge_attempts (
    subscription uuid NOT NULL,
    period integer NOT NULL,
    -- The step of dunning: 1 on the due day, 2 on day 3, 3 on day 7.
    number integer NOT NULL CHECK (number BETWEEN 1 AND 3),
    -- Counts the tries of one step: the next takes the place of one that provably came to nothing.
    seq integer NOT NULL CHECK (seq >= 0),
    kind text NOT NULL CHECK (kind IN ('scheduled', 'manual')),
    state text NOT NULL CHECK (
        state IN (
            'planned', 'sending', 'indeterminate', 'settling', 'review', 'captured', 'declined', 'forgone',
            'duplicate', 'absent', 'void'
        )
    ),
    -- Derived from the key, and unique all the same: an id that stood for two charges would be a charge lost.
    request_id text NOT NULL UNIQUE CHECK (octet_length(request_id) BETWEEN 1 AND 108),
    invoice_id text NOT NULL,
    -- What is sent, frozen: sealed for 'charge_attempts/<request id>', gone when the attempt is settled, because the
    -- vault token is in it.
    body bytea,
    body_sha256 bytea CHECK (octet_length(body_sha256) = 32),
    fence integer NOT NULL,
    lease_until timestamptz,
    first_sent_at timestamptz,
    last_sent_at timestamptz,
    sends integer NOT NULL CHECK (sends >= 0),
    doubts integer NOT NULL CHECK (doubts >= 0),
    probe_at timestamptz NOT NULL,
    -- When somebody looks at it next; null while it waits for a person.
    wake_at timestamptz,
    order_id text CHECK (order_id <> ''),
    only_look_up boolean NOT NULL DEFAULT false,
    capture_id text CHECK (capture_id <> ''),
    decline jsonb,
    settled_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (subscription, period, number, seq),
    FOREIGN KEY (subscription, period) REFERENCES charge_periods (subscription, number),
    -- Written down before it is sent, always.
    CHECK (state NOT IN ('sending', 'indeterminate', 'settling') OR first_sent_at IS NOT NULL),
    CHECK (state NOT IN ('planned', 'sending', 'indeterminate') OR body IS NOT NULL)
);

-- Nothing else of a subscription is charged while it is unknown what became of an earlier charge.
CREATE UNIQUE INDEX charge_attempts_one_open ON charge_attempts (subscription)
    WHERE state IN ('planned', 'sending', 'indeterminate', 'settling', 'review');
CREATE INDEX charge_attempts_wake ON charge_attempts (wake_at, subscription) WHERE wake_at IS NOT NULL;
CREATE INDEX charge_attempts_review ON charge_attempts (created_at) WHERE state = 'review';
-- For the breaker: what was refused of late.
CREATE INDEX charge_attempts_declined ON charge_attempts (settled_at) WHERE state = 'declined';
CREATE INDEX charge_attempts_settled ON charge_attempts (settled_at) WHERE state IN ('captured', 'declined');

-- How we know: what was said of an attempt, by whom. Only ever added to.
CREATE TABLE charge_evidence (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription uuid NOT NULL,
    period integer NOT NULL,
    number integer NOT NULL,
    seq integer NOT NULL,
    source text NOT NULL CHECK (source IN ('api', 'webhook', 'lookup', 'operator')),
    -- Words of ours: 'captured', 'declined', 'unknown', …
    fact text NOT NULL CHECK (fact <> ''),
    -- PayPal's id of what it is about, and the debug id that support asks for.
    external_id text,
    debug_id text,
    at timestamptz NOT NULL,
    FOREIGN KEY (subscription, period, number, seq) REFERENCES charge_attempts (subscription, period, number, seq)
);

CREATE INDEX charge_evidence_subscription ON charge_evidence (subscription, id);

-- What a person must look at, until one has.
CREATE TABLE charge_alarms (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription uuid NOT NULL REFERENCES vault_subscriptions (id),
    period integer NOT NULL,
    kind text NOT NULL CHECK (kind <> ''),
    detail text NOT NULL,
    at timestamptz NOT NULL,
    seen_at timestamptz
);

CREATE INDEX charge_alarms_open ON charge_alarms (at) WHERE seen_at IS NULL;
CREATE INDEX charge_alarms_subscription ON charge_alarms (subscription);

-- No charge is begun while one of these stands. In Postgres and not in the queue: a wiped Redis must not start charging.
CREATE TABLE renewal_pauses (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Null: all merchants.
    merchant uuid REFERENCES merchants (id),
    source text NOT NULL CHECK (source IN ('operator', 'breaker', 'clock', 'invariants')),
    reason text NOT NULL CHECK (reason <> ''),
    since timestamptz NOT NULL,
    ended_at timestamptz,
    CHECK (ended_at >= since)
);

CREATE UNIQUE INDEX renewal_pauses_standing ON renewal_pauses (source, merchant) NULLS NOT DISTINCT
    WHERE ended_at IS NULL;

-- What differs from merchant to merchant.
CREATE TABLE renewal_choices (
    merchant uuid PRIMARY KEY REFERENCES merchants (id),
    -- The account setting "Block accidental payments" was seen to work: PayPal refuses a second payment of an invoice.
    guards_invoices boolean NOT NULL DEFAULT false,
    -- Who is written to when a renewal is declined; null: nobody.
    dunning_mail text CHECK (dunning_mail LIKE '%_@_%')
);

-- Pages through what is due need an order that is total.
DROP INDEX vault_subscriptions_due;
CREATE INDEX vault_subscriptions_due ON vault_subscriptions (next_action_at, id)
    WHERE status IN ('trialing', 'active', 'past_due');
