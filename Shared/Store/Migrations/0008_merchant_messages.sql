-- PayPal merchants are told the way sites are: a message, an endpoint and a delivery belong to one or the other. `owner` is
-- whichever it is, so that one index and one join serve both.
ALTER TABLE outbox
    ALTER COLUMN site DROP NOT NULL,
    ADD COLUMN merchant uuid REFERENCES merchants (id),
    ADD COLUMN owner uuid NOT NULL GENERATED ALWAYS AS (coalesce(site, merchant)) STORED,
    -- Whom or what it is about where that is neither a member nor an order of ours.
    ADD COLUMN subject uuid,
    ADD CHECK (num_nonnulls(site, merchant) = 1),
    DROP CONSTRAINT outbox_type_check,
    -- PayPal's names are PayPal's: `PAYMENT.CAPTURE.COMPLETED`.
    ADD CONSTRAINT outbox_type_check CHECK (
        CASE WHEN merchant IS NULL THEN type ~ '^[a-z_]+\.[a-z_]+$' ELSE type ~ '^[ -~]{1,100}$' END
    );

CREATE INDEX outbox_owner ON outbox (owner, created_at);

-- A merchant has one endpoint: its `webhooks_url`, which stands in `merchants` too and counts there.
ALTER TABLE endpoints
    ALTER COLUMN site DROP NOT NULL,
    ADD COLUMN merchant uuid UNIQUE REFERENCES merchants (id),
    ADD COLUMN owner uuid NOT NULL GENERATED ALWAYS AS (coalesce(site, merchant)) STORED,
    ADD CHECK (num_nonnulls(site, merchant) = 1),
    ADD CHECK (merchant IS NULL OR (plan IS NULL AND types = '{}')),
    ADD UNIQUE (id, owner);

DROP INDEX endpoints_site;
CREATE INDEX endpoints_owner ON endpoints (owner);

ALTER TABLE deliveries DROP CONSTRAINT deliveries_endpoint_site_fkey;
ALTER TABLE deliveries RENAME COLUMN site TO owner;
ALTER TABLE deliveries ADD FOREIGN KEY (endpoint, owner) REFERENCES endpoints (id, owner);
ALTER INDEX deliveries_site RENAME TO deliveries_owner;
ALTER TABLE endpoints DROP CONSTRAINT endpoints_id_site_key;

-- What a message to a merchant has beside its bytes.
CREATE TABLE forwards (
    message uuid PRIMARY KEY REFERENCES outbox (id) ON DELETE CASCADE,
    merchant uuid NOT NULL REFERENCES merchants (id),
    -- PayPal's id of the event, or ours of one that we made.
    event text NOT NULL CHECK (event <> ''),
    thrive_order_id bigint,
    -- The five headers that are passed through, in the order of Forward.passedHeaders.
    paypal_headers text[] NOT NULL CHECK (cardinality(paypal_headers) = 5),
    simulated boolean NOT NULL,
    -- False for a nudge to a merchant who has no secret yet.
    signed boolean NOT NULL
);

-- One event is told once; a simulation of it as often as somebody likes.
CREATE UNIQUE INDEX forwards_event ON forwards (merchant, event) WHERE NOT simulated;
