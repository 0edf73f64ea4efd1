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
    /// Sealed for `VaultSubscription.place(ofTokenOf:)`; nil before it came, and once it was purged.
    package var vaultToken: [UInt8]?
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
extension RenewalState.Form: PostgresValue {}

extension Transaction {
    /// Locks subscriptions and reads their states: the current period, the period of an open attempt, and the mentioned one.
    /// None for those whose activation never began.
    ///
    /// Locked in the order of their ids, so that two who lock some of the same wait for each other in turn.
    package func lockedRenewals(
        _ ids: [VaultSubscription.ID],
        mentioning mentioned: [VaultSubscription.ID: Int],
        form: RenewalState.Form
    ) throws(PostgresError) -> [VaultSubscription.ID: LockedRenewal] {
        // A statement of its own: what is read beside the lock would be as it was before the lock was waited for.
        try renewals(
            of: rows(
                """
                SELECT \(raw: Self.vaultSubscriptionColumns), vault_token
                FROM vault_subscriptions
                WHERE id = ANY(\(ids))
                ORDER BY id
                FOR UPDATE
                """
            ),
            mentioning: mentioned,
            form: form
        )
    }

    /// The same without the lock, for looking.
    package func renewal(
        _ id: VaultSubscription.ID,
        form: RenewalState.Form = .oneStep
    ) throws(PostgresError) -> LockedRenewal? {
        let found = try rows(
            "SELECT \(raw: Self.vaultSubscriptionColumns), vault_token FROM vault_subscriptions WHERE id = \(id)"
        )
        return try renewals(of: found, mentioning: [:], form: form)[id]
    }

    private func renewals(
        of rows: Rows,
        mentioning mentioned: [VaultSubscription.ID: Int],
        form: RenewalState.Form
    ) throws(PostgresError) -> [VaultSubscription.ID: LockedRenewal] {
        let found = try rows.values { row throws(PostgresError) in
            (subscription: try VaultSubscription(row: row), token: try row["vault_token"] as [UInt8]?)
        }
        let grounds = try renewalGrounds(of: Set(found.map(\.subscription.merchant)))
        let periods = try chargePeriods(of: found.map(\.subscription), mentioning: mentioned)
        let attempts = try chargeAttempts(
            periods.flatMap { id, periods in periods.wanted.map { (subscription: id, period: $0.number) } }
        )
        var renewals: [VaultSubscription.ID: LockedRenewal] = [:]
        for (subscription, token) in found {
            guard let ground = grounds[subscription.merchant] else { continue }
            renewals[subscription.id] = LockedRenewal(
                subscription,
                token,
                ground,
                periods[subscription.id] ?? LoadedPeriods(),
                attempts[subscription.id] ?? [],
                form
            )
        }
        return renewals
    }

    private func renewalGrounds(of merchants: Set<Merchant.ID>) throws(PostgresError) -> [Merchant.ID: RenewalGround] {
        let grounds = try rows(
            """
            SELECT m.id, m.paypal_id, m.environment, m.state, c.guards_invoices, c.dunning_mail
            FROM merchants m
            LEFT JOIN renewal_choices c ON c.merchant = m.id
            WHERE m.id = ANY(\(Array(merchants)))
            """
        )
        .values { row throws(PostgresError) in (try row["id"] as Merchant.ID, try RenewalGround(row: row)) }
        return Dictionary(uniqueKeysWithValues: grounds)
    }

    /// From the first one that is wanted on, which is nearly always the last one there is.
    private func chargePeriods(
        of subscriptions: [VaultSubscription],
        mentioning mentioned: [VaultSubscription.ID: Int]
    ) throws(PostgresError) -> [VaultSubscription.ID: LoadedPeriods] {
        var loaded: [VaultSubscription.ID: LoadedPeriods] = [:]
        let found = try rows(
            """
            SELECT p.subscription, p.number, p.due_at, p.status, p.step, p.capture_id, p.unlinked,
                coalesce(p.number = ANY(ARRAY[s.current, s.mentioned, o.period]), false) AS wanted
            FROM unnest(\(subscriptions.map(\.id)), \(subscriptions.map(\.nextPeriod)),
                \(subscriptions.map { mentioned[$0.id] })) AS s (id, current, mentioned)
            CROSS JOIN LATERAL (
                SELECT (
                    SELECT a.period
                    FROM charge_attempts a
                    WHERE a.subscription = s.id
                      AND a.state IN ('planned', 'sending', 'indeterminate', 'settling', 'review')
                    LIMIT 1
                )
            ) o (period)
            JOIN charge_periods p ON p.subscription = s.id
              AND p.number >= least(s.current, s.mentioned, o.period)
            ORDER BY p.subscription, p.number
            """
        )
        for row in found {
            let id: VaultSubscription.ID = try row["subscription"]
            loaded[id, default: LoadedPeriods()].add(try ChargePeriod(row: row), isWanted: try row["wanted"])
        }
        return loaded
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
        try chargeAttempts(periods.map { (subscription: id, period: $0) })[id] ?? []
    }

    private func chargeAttempts(
        _ wanted: [(subscription: VaultSubscription.ID, period: Int)]
    ) throws(PostgresError) -> [VaultSubscription.ID: [ChargeAttempt]] {
        guard !wanted.isEmpty else { return [:] }
        let attempts = try rows(
            """
            SELECT a.subscription, a.period, a.number, a.seq, a.kind, a.form, a.state, a.fence, a.lease_until,
                a.first_sent_at, a.last_sent_at, a.sends, a.doubts, a.probe_at, a.order_id, a.only_look_up, a.capture_id, a.decline,
                a.settled_at
            FROM unnest(\(wanted.map(\.subscription)), \(wanted.map(\.period))) AS w (subscription, period)
            JOIN charge_attempts a ON a.subscription = w.subscription AND a.period = w.period
            ORDER BY a.subscription, a.period, a.number, a.seq
            """
        )
        .values { row throws(PostgresError) in
            (subscription: try row["subscription"] as VaultSubscription.ID, attempt: try ChargeAttempt(row: row))
        }
        return Dictionary(grouping: attempts, by: \.subscription).mapValues { $0.map(\.attempt) }
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

/// What a subscription's merchant adds to it.
private struct RenewalGround {
    var merchantPayPalID: String
    var environment: Merchant.Environment
    var isConnected: Bool
    var choices: RenewalChoices

    init(row: Row) throws(PostgresError) {
        let state: Merchant.State = try row["state"]
        merchantPayPalID = try row["paypal_id"]
        environment = try row["environment"]
        isConnected = state == .connected
        choices = RenewalChoices(
            guardsInvoices: try row["guards_invoices"] ?? false,
            dunningMail: try row["dunning_mail"]
        )
    }
}

/// Periods of a subscription as they are read.
private struct LoadedPeriods {
    /// The current one, the mentioned one, and that of an open attempt.
    private(set) var wanted: [ChargePeriod] = []
    /// The number of the last one, if that is not before the current one.
    private(set) var highest: Int?

    /// In the order of their numbers.
    mutating func add(_ period: ChargePeriod, isWanted: Bool) {
        if isWanted { wanted.append(period) }
        highest = period.number
    }
}

extension LockedRenewal {
    /// Nil for one that has no anchor: its activation never began.
    fileprivate init?(
        _ subscription: VaultSubscription,
        _ token: [UInt8]?,
        _ ground: RenewalGround,
        _ periods: LoadedPeriods,
        _ attempts: [ChargeAttempt],
        _ form: RenewalState.Form
    ) {
        // Until it is activated nothing is counted from its anchor.
        let anchor = subscription.anchorAt ?? (subscription.status == .activating ? subscription.createdAt : nil)
        guard let anchor else { return nil }
        self.init(
            subscription: subscription,
            merchantPayPalID: ground.merchantPayPalID,
            environment: ground.environment,
            choices: ground.choices,
            vaultToken: token,
            state: RenewalState(
                anchor: anchor,
                frequency: subscription.frequency,
                form: form,
                guardsInvoices: ground.choices.guardsInvoices,
                status: subscription.status,
                isConnected: ground.isConnected,
                current: subscription.nextPeriod,
                frontier: max(subscription.nextPeriod, periods.highest.map { $0 + 1 } ?? 0),
                nextActionAt: subscription.nextActionAt,
                firstDeclinedAt: subscription.firstFailedAt,
                endedAt: subscription.status.isOver ? subscription.cancelRequestedAt : nil,
                periods: periods.wanted,
                attempts: attempts
            )
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
        self.init(key, kind: try row["kind"], form: try row["form"], at: try row["probe_at"])
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
