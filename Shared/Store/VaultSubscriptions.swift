package import Domain
package import Foundation
package import Postgres

extension VaultSubscription {
    /// What its vault token is sealed for: bytes copied to another row don't open.
    package static func place(ofTokenOf id: ID) -> String { "vault_subscriptions/\(id)" }
}

extension Transaction {
    static var vaultSubscriptionColumns: StaticString {
        """
        id, merchant, paypal_id, flow, source, thrive_order_id, amount_minor, currency, frequency, interval_text,
        description, trial_days, status, anchor_at, next_period, next_action_at, first_failed_at, last_error,
        cancel_requested_at, customer_id, vault_token IS NOT NULL AS has_vault_token, vault_pending, created_at,
        activated_at
        """
    }

    package func insert(_ subscription: VaultSubscription) throws(PostgresError) {
        try run(
            """
            INSERT INTO vault_subscriptions (id, merchant, paypal_id, flow, source, thrive_order_id, amount_minor,
                currency, frequency, interval_text, description, trial_days, status, anchor_at, next_period,
                next_action_at, customer_id, created_at, activated_at)
            VALUES (\(subscription.id), \(subscription.merchant), \(subscription.payPalID), \(subscription.flow),
                \(subscription.source), \(subscription.thriveOrderID), \(subscription.amount.minorUnits),
                \(subscription.amount.currency), \(subscription.frequency), \(subscription.interval),
                \(subscription.description), \(subscription.trialDays), \(subscription.status),
                \(subscription.anchorAt), \(subscription.nextPeriod), \(subscription.nextActionAt),
                \(subscription.customerID), \(subscription.createdAt), \(subscription.activatedAt))
            """
        )
    }

    package func vaultSubscription(_ id: VaultSubscription.ID) throws(PostgresError) -> VaultSubscription? {
        try rows("SELECT \(raw: Self.vaultSubscriptionColumns) FROM vault_subscriptions WHERE id = \(id)")
            .values(VaultSubscription.init(row:)).first
    }

    /// The same, and nobody else changes it until this transaction ends.
    package func lockedVaultSubscription(_ id: VaultSubscription.ID) throws(PostgresError) -> VaultSubscription? {
        try rows("SELECT \(raw: Self.vaultSubscriptionColumns) FROM vault_subscriptions WHERE id = \(id) FOR UPDATE")
            .values(VaultSubscription.init(row:)).first
    }

    /// By the id the shop knows. Nil for another merchant's as for none at all.
    package func vaultSubscription(
        payPalID: String,
        of merchant: Merchant.ID
    ) throws(PostgresError) -> VaultSubscription? {
        try rows(
            """
            SELECT \(raw: Self.vaultSubscriptionColumns)
            FROM vault_subscriptions
            WHERE paypal_id = \(payPalID) AND merchant = \(merchant)
            """
        )
        .values(VaultSubscription.init(row:)).first
    }

    /// By any of its orders or captures, the first or a renewal's.
    package func vaultSubscription(
        ofOrder order: String?,
        capture: String?
    ) throws(PostgresError) -> VaultSubscription? {
        let id = try rows(
            """
            SELECT subscription FROM paypal_orders WHERE id = \(order) AND subscription IS NOT NULL
            UNION ALL
            SELECT subscription FROM paypal_captures WHERE id = \(capture) AND subscription IS NOT NULL
            UNION ALL
            SELECT o.subscription FROM paypal_captures c JOIN paypal_orders o ON o.id = c.order_id
            WHERE c.id = \(capture) AND o.subscription IS NOT NULL
            LIMIT 1
            """
        )
        .decode(VaultSubscription.ID.self).first
        guard let id else { return nil }
        return try vaultSubscription(id)
    }

    /// By the SHA-256 of its vault token.
    package func vaultSubscriptions(tokenHash: [UInt8]) throws(PostgresError) -> [VaultSubscription] {
        try rows(
            "SELECT \(raw: Self.vaultSubscriptionColumns) FROM vault_subscriptions WHERE vault_token_hash = \(tokenHash)"
        )
        .values(VaultSubscription.init(row:))
    }

    /// Those of a merchant that have yet to hear their vault token, of one buyer.
    package func vaultSubscriptions(
        pendingFor customerID: String,
        of merchant: Merchant.ID
    ) throws(PostgresError) -> [VaultSubscription] {
        try rows(
            """
            SELECT \(raw: Self.vaultSubscriptionColumns)
            FROM vault_subscriptions
            WHERE merchant = \(merchant) AND customer_id = \(customerID) AND vault_pending
            ORDER BY created_at, id
            """
        )
        .values(VaultSubscription.init(row:))
    }

    /// Those of a merchant that were paid for once by `end` and have yet to hear their vault token.
    package func vaultPending(of merchant: Merchant.ID, until end: Date) throws(PostgresError) -> [VaultSubscription] {
        try rows(
            """
            SELECT \(raw: Self.vaultSubscriptionColumns)
            FROM vault_subscriptions
            WHERE merchant = \(merchant)
              AND vault_pending
              AND created_at <= \(end)
              AND status NOT IN ('canceled', 'revoked')
            ORDER BY created_at, id
            """
        )
        .values(VaultSubscription.init(row:))
    }

    package func vaultSubscriptions(of merchant: Merchant.ID) throws(PostgresError) -> [VaultSubscription] {
        try rows(
            """
            SELECT \(raw: Self.vaultSubscriptionColumns)
            FROM vault_subscriptions
            WHERE merchant = \(merchant)
            ORDER BY created_at, id
            """
        )
        .values(VaultSubscription.init(row:))
    }

    /// The sealed vault token; nil before it came, and once it was purged.
    package func vaultToken(of id: VaultSubscription.ID) throws(PostgresError) -> [UInt8]? {
        try rows("SELECT vault_token FROM vault_subscriptions WHERE id = \(id)").decode([UInt8]?.self).first ?? nil
    }
}

extension VaultSubscription {
    init(row: Row) throws(PostgresError) {
        self.init(
            id: try row["id"],
            merchant: try row["merchant"],
            payPalID: try row["paypal_id"],
            flow: try row["flow"],
            source: try row["source"],
            thriveOrderID: try row["thrive_order_id"],
            amount: Money(minorUnits: try row["amount_minor"], currency: try row["currency"]),
            frequency: try row["frequency"],
            interval: try row["interval_text"],
            description: try row["description"],
            trialDays: try row["trial_days"],
            status: try row["status"],
            anchorAt: try row["anchor_at"],
            nextPeriod: try row["next_period"],
            nextActionAt: try row["next_action_at"],
            firstFailedAt: try row["first_failed_at"],
            lastError: try row["last_error"],
            cancelRequestedAt: try row["cancel_requested_at"],
            customerID: try row["customer_id"],
            hasVaultToken: try row["has_vault_token"],
            isVaultPending: try row["vault_pending"],
            createdAt: try row["created_at"],
            activatedAt: try row["activated_at"]
        )
    }
}
