package import Domain
package import Foundation
package import Postgres

/// A subscription with all that decides what happens to it next, locked until the transaction ends.
package struct LockedRenewal: Sendable {
    package var subscription: VaultSubscription
    /// PayPal's id of the merchant, and which PayPal.
    package var merchantPayPalID: String
    package var environment: Merchant.Environment
    package var choices: RenewalChoices
    package var state: RenewalState

    package var names: ChargeNames {
        ChargeNames(environment: environment.rawValue, subscription: subscription.id.description)
    }

    /// What a charge carries back to us in captures and events: the first payment has another one than renewals, of which a
    /// trial's end is the first.
    package func customID(_ key: ChargeAttempt.Key) -> String {
        key.period == 0 && subscription.trialDays == 0
            ? ChargeNames.firstCustomID(of: names.subscription) : names.customID(key)
    }
}

/// What a merchant chose, or what was found out about it.
package struct RenewalChoices: Sendable, Hashable {
    package var guardsInvoices = false
    package var dunningMail: EmailAddress?

    package init(guardsInvoices: Bool = false, dunningMail: EmailAddress? = nil) {
        self.guardsInvoices = guardsInvoices
        self.dunningMail = dunningMail
    }
}

extension ChargePeriod.Status: PostgresValue {}
extension ChargeAttempt.State: PostgresValue {}
extension ChargeAttempt.Kind: PostgresValue {}

extension Transaction {
    /// Locks a subscription and reads its state: the current period, the periods of open attempts, and `mentioned`.
    ///
    /// Nil for none, and for one whose activation never began.
    package func lockedRenewal(
        _ id: VaultSubscription.ID,
        mentioning mentioned: Int? = nil,
        form: RenewalState.Form = .oneStep
    ) throws(PostgresError) -> LockedRenewal? {
        guard let subscription = try lockedVaultSubscription(id) else { return nil }
        return try renewal(of: subscription, mentioning: mentioned, form: form)
    }

    /// The same without the lock, for looking.
    package func renewal(
        _ id: VaultSubscription.ID,
        form: RenewalState.Form = .oneStep
    ) throws(PostgresError) -> LockedRenewal? {
        guard let subscription = try vaultSubscription(id) else { return nil }
        return try renewal(of: subscription, mentioning: nil, form: form)
    }

    private func renewal(
        of subscription: VaultSubscription,
        mentioning mentioned: Int?,
        form: RenewalState.Form
    ) throws(PostgresError) -> LockedRenewal? {
        // Until it is activated nothing is counted from its anchor.
        let anchor = subscription.anchorAt ?? (subscription.status == .activating ? subscription.createdAt : nil)
        guard let anchor, let merchant = try merchant(subscription.merchant) else { return nil }
        let choices = try renewalChoices(of: subscription.merchant)
        let periods = try chargePeriods(of: subscription, mentioning: mentioned)
        let state = RenewalState(
            anchor: anchor,
            frequency: subscription.frequency,
            form: form,
            guardsInvoices: choices.guardsInvoices,
            status: subscription.status,
            isConnected: merchant.isConnected,
            current: subscription.nextPeriod,
            frontier: try frontier(of: subscription),
            nextActionAt: subscription.nextActionAt,
            firstDeclinedAt: subscription.firstFailedAt,
            endedAt: subscription.status.isOver ? subscription.cancelRequestedAt : nil,
            periods: periods,
            attempts: try chargeAttempts(of: subscription.id, in: periods.map(\.number))
        )
        return LockedRenewal(
            subscription: subscription,
            merchantPayPalID: merchant.payPalID,
            environment: merchant.environment,
            choices: choices,
            state: state
        )
    }

    private func frontier(of subscription: VaultSubscription) throws(PostgresError) -> Int {
        let highest =
            try rows("SELECT max(number) FROM charge_periods WHERE subscription = \(subscription.id)")
            .decode(Int?.self).first ?? nil
        return max(subscription.nextPeriod, highest.map { $0 + 1 } ?? 0)
    }

    private func chargePeriods(
        of subscription: VaultSubscription,
        mentioning mentioned: Int?
    ) throws(PostgresError) -> [ChargePeriod] {
        try rows(
            """
            SELECT number, due_at, status, step, capture_id, unlinked
            FROM charge_periods
            WHERE subscription = \(subscription.id)
              AND (number = \(subscription.nextPeriod) OR number = \(mentioned) OR number IN (
                  SELECT period
                  FROM charge_attempts
                  WHERE subscription = \(subscription.id)
                    AND state IN ('planned', 'sending', 'indeterminate', 'settling', 'review')
              ))
            ORDER BY number
            """
        )
        .values(ChargePeriod.init(row:))
    }

    /// All periods, for people.
    package func chargePeriods(of id: VaultSubscription.ID) throws(PostgresError) -> [ChargePeriod] {
        try rows(
            """
            SELECT number, due_at, status, step, capture_id, unlinked
            FROM charge_periods
            WHERE subscription = \(id)
            ORDER BY number
            """
        )
        .values(ChargePeriod.init(row:))
    }

    package func chargeAttempts(
        of id: VaultSubscription.ID,
        in periods: [Int]
    ) throws(PostgresError) -> [ChargeAttempt] {
        try rows(
            """
            SELECT period, number, seq, kind, state, fence, lease_until, first_sent_at, last_sent_at, sends, doubts,
                probe_at, order_id, only_look_up, capture_id, decline, settled_at
            FROM charge_attempts
            WHERE subscription = \(id)
              AND period = ANY(\(periods))
            ORDER BY period, number, seq
            """
        )
        .values(ChargeAttempt.init(row:))
    }

    package func renewalChoices(of merchant: Merchant.ID) throws(PostgresError) -> RenewalChoices {
        try rows("SELECT guards_invoices, dunning_mail FROM renewal_choices WHERE merchant = \(merchant)")
            .values { row throws(PostgresError) in
                RenewalChoices(guardsInvoices: try row["guards_invoices"], dunningMail: try row["dunning_mail"])
            }
            .first ?? RenewalChoices()
    }

    package func save(_ choices: RenewalChoices, of merchant: Merchant.ID) throws(PostgresError) {
        try run(
            """
            INSERT INTO renewal_choices (merchant, guards_invoices, dunning_mail)
            VALUES (\(merchant), \(choices.guardsInvoices), \(choices.dunningMail))
            ON CONFLICT (merchant) DO UPDATE
            SET guards_invoices = excluded.guards_invoices, dunning_mail = excluded.dunning_mail
            """
        )
    }
}

extension ChargePeriod {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(
            number: try row["number"],
            dueAt: try row["due_at"],
            status: try row["status"],
            step: try row["step"],
            captureID: try row["capture_id"],
            isUnlinked: try row["unlinked"]
        )
    }
}

extension ChargeAttempt {
    fileprivate init(row: Row) throws(PostgresError) {
        let key = Key(period: try row["period"], number: try row["number"], seq: try row["seq"])
        self.init(key, kind: try row["kind"], at: try row["probe_at"])
        state = try row["state"]
        fence = try row["fence"]
        leaseUntil = try row["lease_until"]
        firstSentAt = try row["first_sent_at"]
        lastSentAt = try row["last_sent_at"]
        sends = try row["sends"]
        doubts = try row["doubts"]
        orderID = try row["order_id"]
        onlyLookUp = try row["only_look_up"]
        captureID = try row["capture_id"]
        settledAt = try row["settled_at"]
        let json: PostgresJSON? = try row["decline"]
        do {
            decline = try json.map { try $0.decode(ChargeDecline.self, with: JSONDecoder()) }
        } catch {
            throw .decode(column: "decline", reason: "it is no decline that we know")
        }
    }
}
