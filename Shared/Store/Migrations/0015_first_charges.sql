-- The first charge of a subscription goes through charge_periods and charge_attempts like all others. So far it was a line
-- among the shops' requests; what is under way goes on as a charge that nobody sends again, for its bytes were not kept.
INSERT INTO charge_periods (subscription, number, due_at, amount_minor, currency, status, created_at, updated_at)
SELECT s.id, 0, r.created_at, s.amount_minor, s.currency, 'due', r.created_at, r.created_at
FROM merchant_requests r
JOIN vault_subscriptions s ON s.id::text = r.key
WHERE r.operation = 'subscriptions.first-charge'
  AND s.status = 'activating'
ON CONFLICT DO NOTHING;

INSERT INTO charge_attempts (subscription, period, number, seq, kind, state, request_id, invoice_id, fence, first_sent_at,
    last_sent_at, sends, doubts, probe_at, only_look_up, created_at)
SELECT p.subscription, 0, 1, 0, 'scheduled', 'review',
    'rn:' || m.environment || ':' || p.subscription || ':0:1:0', m.environment || '-' || p.subscription || '-0', 1,
    p.created_at, p.created_at, 1, 1, p.created_at, true, p.created_at
FROM charge_periods p
JOIN vault_subscriptions s ON s.id = p.subscription
JOIN merchants m ON m.id = s.merchant
WHERE s.status = 'activating'
  AND p.number = 0
ON CONFLICT DO NOTHING;

DELETE FROM merchant_requests WHERE operation = 'subscriptions.first-charge';
