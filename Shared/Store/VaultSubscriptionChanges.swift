package import Domain
package import Foundation
package import Postgres

extension Transaction {
    /// The activation begins: from now on money or a token may be on its way. False when it had begun, or is over.
    package func beginActivation(of id: VaultSubscription.ID) throws(PostgresError) -> Bool {
        try run(
            """
            UPDATE vault_subscriptions
            SET status = 'activating', row_version = row_version + 1
            WHERE id = \(id)
              AND status = 'approving'
            """
        ) == 1
    }

    /// Nothing came of the activation, for certain: the buyer may approve again. False when it is no longer activating.
    package func abandonActivation(of id: VaultSubscription.ID) throws(PostgresError) -> Bool {
        try run(
            """
            UPDATE vault_subscriptions
            SET status = 'approving', row_version = row_version + 1
            WHERE id = \(id)
              AND status = 'activating'
              AND vault_token IS NULL
              AND NOT vault_pending
            """
        ) == 1
    }

    /// Keeps the vault token. Alone it makes nothing active: whether the shop still wants it is asked elsewhere.
    ///
    /// False when it had one already.
    /// - Parameters:
    ///   - sealed: sealed for `VaultSubscription.place(ofTokenOf:)`.
    ///   - hash: SHA-256 of the token.
    @discardableResult
    package func attachVaultToken(
        _ sealed: [UInt8],
        hash: [UInt8],
        customerID: String?,
        to id: VaultSubscription.ID
    ) throws(PostgresError) -> Bool {
        try run(
            """
            UPDATE vault_subscriptions
            SET vault_token = \(sealed), vault_token_hash = \(hash), customer_id = coalesce(\(customerID), customer_id),
                vault_pending = false, vault_poll_at = NULL, row_version = row_version + 1
            WHERE id = \(id)
              AND vault_token IS NULL
            """
        ) == 1
    }

    /// The buyer has paid, the token has yet to come: it is listened for, and asked for from `poll` on.
    package func markVaultPending(
        _ id: VaultSubscription.ID,
        customerID: String?,
        pollAt poll: Date?
    ) throws(PostgresError) {
        try run(
            """
            UPDATE vault_subscriptions
            SET vault_pending = true, vault_poll_at = \(poll), customer_id = coalesce(\(customerID), customer_id),
                row_version = row_version + 1
            WHERE id = \(id)
              AND vault_token IS NULL
            """
        )
    }

    /// Subscriptions whose pending token should be asked for, the longest waiting first.
    package func vaultSubscriptions(toPollAt now: Date, limit: Int) throws(PostgresError) -> [VaultSubscription] {
        try rows(
            """
            SELECT \(raw: Self.vaultSubscriptionColumns)
            FROM vault_subscriptions
            WHERE vault_pending AND vault_poll_at <= \(now)
            ORDER BY vault_poll_at
            LIMIT \(limit)
            """
        )
        .values(VaultSubscription.init(row:))
    }

    /// From now on it renews: a trial has yet to pay period 0 at `anchor`, anything else has paid it.
    ///
    /// False when it was not activating, or has no vault token.
    package func activate(
        _ id: VaultSubscription.ID,
        as status: VaultSubscription.Status,
        anchor: Date,
        nextPeriod: Int,
        nextActionAt: Date?,
        at now: Date
    ) throws(PostgresError) -> Bool {
        try run(
            """
            UPDATE vault_subscriptions
            SET status = \(status), anchor_at = \(anchor), next_period = \(nextPeriod),
                next_action_at = \(nextActionAt), activated_at = \(now), row_version = row_version + 1
            WHERE id = \(id)
              AND status = 'activating'
              AND vault_token IS NOT NULL
            """
        ) == 1
    }

    /// Period 0 as what the first payment paid, where no charge of ours has written it down.
    package func keepFirstPayment(
        _ capture: String,
        of id: VaultSubscription.ID,
        dueAt due: Date,
        at now: Date
    ) throws(PostgresError) {
        try run(
            """
            INSERT INTO charge_periods (subscription, number, due_at, amount_minor, currency, status, capture_id,
                created_at, updated_at)
            SELECT id, 0, \(due), amount_minor, currency, 'paid', \(capture), \(now), \(now)
            FROM vault_subscriptions
            WHERE id = \(id)
            ON CONFLICT (subscription, number) DO NOTHING
            """
        )
    }

    /// Ends renewals for good. False when they had ended.
    ///
    /// The token stays until it is purged at PayPal: what is forgotten here could never be deleted there.
    @discardableResult
    package func cancel(_ id: VaultSubscription.ID, at now: Date) throws(PostgresError) -> Bool {
        try cancelAll("id = \(id)", at: now) == 1
    }

    /// Ends all that a merchant has, likewise. Answers how many had not ended.
    @discardableResult
    func cancelAll(of merchant: Merchant.ID, at now: Date) throws(PostgresError) -> Int {
        try cancelAll("merchant = \(merchant)", at: now)
    }

    /// A charge that was begun while these rows were waited for was begun before the end, whatever `now` is: who ends a
    /// subscription looked at the clock earlier, or at another one.
    ///
    /// Locked in the order of their ids, as charges lock them, and in a statement of its own: the next one sees what was
    /// committed meanwhile.
    private func cancelAll(_ which: Query, at now: Date) throws(PostgresError) -> Int {
        let ids = try rows(
            """
            SELECT id
            FROM vault_subscriptions
            WHERE \(which)
              AND status NOT IN ('canceled', 'revoked')
            ORDER BY id
            FOR UPDATE
            """
        )
        .decode(VaultSubscription.ID.self)
        guard !ids.isEmpty else { return 0 }
        return try run(
            """
            UPDATE vault_subscriptions s
            SET status = 'canceled', next_action_at = NULL, row_version = row_version + 1,
                cancel_requested_at = coalesce(cancel_requested_at, greatest(\(now), (
                    SELECT max(a.first_sent_at) FROM charge_attempts a WHERE a.subscription = s.id
                )))
            WHERE id = ANY(\(ids))
            """
        )
    }

    /// PayPal no longer has the token: we forget it as well.
    @discardableResult
    package func forgetVaultToken(of id: VaultSubscription.ID) throws(PostgresError) -> Bool {
        try run(
            """
            UPDATE vault_subscriptions
            SET vault_token = NULL, vault_token_hash = NULL, vault_pending = false, vault_poll_at = NULL,
                row_version = row_version + 1
            WHERE id = \(id)
            """
        ) == 1
    }

    /// Ended subscriptions whose token PayPal still has, for purging what a crash or an outage left.
    package func vaultTokensToPurge(limit: Int) throws(PostgresError) -> [VaultSubscription] {
        try rows(
            """
            SELECT \(raw: Self.vaultSubscriptionColumns)
            FROM vault_subscriptions
            WHERE status IN ('canceled', 'revoked') AND vault_token IS NOT NULL
            ORDER BY id
            LIMIT \(limit)
            """
        )
        .values(VaultSubscription.init(row:))
    }

    /// Asks for a pending token again later; nil when nobody should any more.
    package func postponeVaultPoll(of id: VaultSubscription.ID, until poll: Date?) throws(PostgresError) {
        try run("UPDATE vault_subscriptions SET vault_poll_at = \(poll) WHERE id = \(id) AND vault_pending")
    }
}
