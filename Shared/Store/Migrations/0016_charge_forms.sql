-- A charge keeps the form in which it was begun, whatever is chosen since. A charge of one step whose answer was lost would
-- else be sent in two steps once PayPal has forgotten its request id: as another order, and taken a second time.
ALTER TABLE charge_attempts
    ADD COLUMN form text NOT NULL DEFAULT 'one-step' CHECK (form IN ('one-step', 'two-step'));

-- Only the first of two steps tells an order before the outcome.
UPDATE charge_attempts
SET form = 'two-step'
WHERE state IN ('planned', 'sending', 'indeterminate')
  AND order_id IS NOT NULL;
