-- Each renewal writes its subscription anew into all indexes, for the time that it is due next is in one of them. Nobody looks
-- for a subscription by PayPal's id without its merchant, and there the unique key serves.
DROP INDEX vault_subscriptions_paypal_id;

-- A capture's order is its merchant's, and a refund's capture is: the keys of both say so, and the order's merchant is one.
ALTER TABLE paypal_captures DROP CONSTRAINT paypal_captures_merchant_fkey;
ALTER TABLE paypal_refunds DROP CONSTRAINT paypal_refunds_merchant_fkey;
