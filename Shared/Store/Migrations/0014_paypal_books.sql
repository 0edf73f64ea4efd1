-- PayPal's books are those of all merchants of one environment, and no site's: their runs and discrepancies have none.
-- The mode says which environment: live, or test for PayPal's sandbox.
ALTER TABLE reconciliations ALTER COLUMN site DROP NOT NULL;
ALTER TABLE reconciliations ADD CHECK ((site IS NULL) = (provider = 'paypal'));
DROP INDEX reconciliations_running;
CREATE UNIQUE INDEX reconciliations_running ON reconciliations (site, provider, mode, (kind = 'backfill'))
    NULLS NOT DISTINCT WHERE state = 'running';

ALTER TABLE discrepancies ALTER COLUMN site DROP NOT NULL;
ALTER TABLE discrepancies ADD CHECK ((site IS NULL) = (provider = 'paypal'));
ALTER TABLE discrepancies ADD COLUMN merchant uuid REFERENCES merchants (id) ON DELETE SET NULL;
-- The event by which it was healed, where PayPal's books told it.
ALTER TABLE discrepancies ADD COLUMN paypal_event text REFERENCES paypal_events (id);
ALTER TABLE discrepancies DROP CONSTRAINT discrepancies_site_key_key;
CREATE UNIQUE INDEX discrepancies_key ON discrepancies (site, key) NULLS NOT DISTINCT;

-- 'message': an event of PayPal that never came. 'capture', 'order', 'vault-token': what no event told.
-- 'consent', 'capabilities': how a merchant stands at PayPal. 'search': a merchant whose transactions we may not see.
ALTER TABLE discrepancies DROP CONSTRAINT discrepancies_kind_check;
ALTER TABLE discrepancies ADD CONSTRAINT discrepancies_kind_check CHECK (
    kind IN (
        'sale', 'payment', 'refund', 'cancellation', 'pause', 'resume', 'completion', 'unreadable',
        'message', 'capture', 'order', 'vault-token', 'consent', 'capabilities', 'search'
    )
);

-- What is still open at PayPal, for whoever asks how it stands there.
CREATE INDEX paypal_orders_open ON paypal_orders (created_at) WHERE status NOT IN ('COMPLETED', 'VOIDED');
CREATE INDEX paypal_captures_pending ON paypal_captures (created_at) WHERE status = 'PENDING';
CREATE INDEX paypal_refunds_pending ON paypal_refunds (created_at) WHERE status = 'PENDING';
