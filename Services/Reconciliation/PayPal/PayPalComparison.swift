import Domain
package import Foundation
import FulfillmentJobs
import Logging
import PayPal
import Postgres
package import Store

/// Compares PayPal's books with ours, and heals what differs by applying the event that should have come.
///
/// Every event goes through the code that applies webhooks, under its own id, and is written down as found before. So
/// anything may be looked at as often as one likes, by several processes at once, and after any crash. Nothing is ever
/// charged, refunded or revoked here: what PayPal does not know, or does not answer, changes nothing.
package struct PayPalComparison: Sendable {
    package struct Options: ComparingOptions {
        package var inFlight: TimeInterval = 600
        package var isRehearsal = false
        package var rehearsed: @Sendable (Discrepancy) -> Void = { _ in }

        package init() {}
    }

    let payPal: PayPalClient
    let store: Store
    let environment: Merchant.Environment
    let options: Options
    let now: @Sendable () -> Date
    private let fulfillment: FulfillmentDependencies
    private let pace: RequestPace?

    /// Nil where PayPal is not set up.
    package init?(
        _ dependencies: ReconciliationDependencies,
        options: Options = Options(),
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        guard let payPal = dependencies.payPal, let fulfillment = dependencies.fulfillment else { return nil }
        self.payPal = payPal
        self.fulfillment = fulfillment
        store = dependencies.store
        environment = dependencies.payPalEnvironment
        pace = dependencies.payPalPace
        self.options = options
        self.now = now
    }

    var mode: Mode { environment.mode }
    /// What happened later than this may still be on its way to us.
    var settledTime: Date { now().addingTimeInterval(-options.inFlight) }

    // MARK: Asking

    enum Reply<Value: Sendable>: Sendable {
        case answered(Value)
        case refused(PayPalRejection)

        var value: Value? {
            guard case .answered(let value) = self else { return nil }
            return value
        }
    }

    /// Asks PayPal in its turn. Throws `PayPalOutage` where nobody could say anything.
    func ask<Value: Sendable>(_ call: @Sendable (PayPalClient) async -> PayPalReply<Value>) async throws -> Reply<Value>
    {
        try await pace?.turn(for: environment.rawValue)
        switch await call(payPal) {
        case .answered(let value, _): return .answered(value)
        case .rejected(let rejection): return .refused(rejection)
        case .unavailable(let outage), .unknown(let outage): throw outage
        }
    }

    // MARK: One finding

    func heal(_ finding: PayPalFinding) async throws -> Outcome {
        let kept = try await store.read { try $0.discrepancy(keyed: key(finding.key), of: nil) }
        if kept?.state == .ignored { return .agreed }
        let before = kept.flatMap { $0.state == .healed ? nil : $0 }
        if finding.takesAway, isTooYoung(finding, foundAt: before?.foundAt) {
            return try await keep(finding, .found, "its webhook may still be on its way")
        }
        if options.isRehearsal { return try await keep(finding, .healed, nil) }
        // So that a crash after the event was applied leaves word of it.
        if before == nil { _ = try await keep(finding, .found, nil) }
        let event = ApplyPayPalEvent(
            body: finding.body,
            transmission: nil,
            receivedAt: before?.foundAt ?? now(),
            source: .reconciliation
        )
        switch try await event.apply(fulfillment, now: now) {
        case .known: return try await keep(finding, .healed, "it was told by another way meanwhile")
        case .waiting: return try await keep(finding, .found, "PayPal has yet to say what it is about")
        case .kept(.applied): return try await keep(finding, .healed, nil, by: finding.event.id)
        case .kept(.ignored(let reason)): return try await keep(finding, .healed, reason, by: finding.event.id)
        case .kept(let verdict): return try await keep(finding, .person, verdict.reason, by: finding.event.id)
        }
    }

    /// By PayPal's clock where the event has a time, else by when it was found first.
    private func isTooYoung(_ finding: PayPalFinding, foundAt: Date?) -> Bool {
        guard options.inFlight > 0 else { return false }
        if let foundAt, foundAt <= settledTime { return false }
        return finding.event.createdAt.map { $0 > settledTime } ?? true
    }

    private func keep(
        _ finding: PayPalFinding,
        _ state: Discrepancy.State,
        _ reason: String?,
        by event: String? = nil
    ) async throws -> Outcome {
        try await keep(state) {
            var discrepancy = discrepancy(finding.kind, finding.key, finding.body, state, reason)
            discrepancy.merchant = finding.merchant
            discrepancy.order = finding.order
            discrepancy.occurredAt = finding.event.createdAt
            discrepancy.payPalEvent = event
            return discrepancy
        }
    }

    /// Writes down what a person has to decide: it is applied when somebody has it healed, and never before.
    func leave(_ finding: PayPalFinding, _ reason: String) async throws -> Outcome {
        let kept = try await store.read { try $0.discrepancy(keyed: key(finding.key), of: nil) }
        if kept?.state == .ignored { return .agreed }
        return try await keep(finding, .person, reason)
    }

    // MARK: What no event tells

    /// Writes down what a person has to look at, or that it is as it should be.
    func note(
        _ kind: Discrepancy.Kind,
        _ name: String,
        of merchant: Merchant?,
        _ state: Discrepancy.State,
        _ reason: String
    ) async throws -> Outcome {
        let kept = try await store.read { try $0.discrepancy(keyed: key(name), of: nil) }
        if kept?.state == .ignored { return .agreed }
        return try await keep(state) {
            let body: JSON = ["merchant_id": JSON(merchant?.payPalID), "name": .string(name)]
            var discrepancy = discrepancy(kind, name, body.compacted.bytes, state, reason)
            discrepancy.merchant = merchant?.id
            return discrepancy
        }
    }

    /// What was wrong before is as it should be.
    func settle(_ name: String, _ reason: String = "PayPal says otherwise by now") async throws {
        guard !options.isRehearsal else { return }
        let moment = now()
        try await store.transaction { transaction in
            guard var kept = try transaction.lockDiscrepancy(key(name), of: nil), kept.state == .person else { return }
            kept.state = .healed
            kept.reason = reason
            kept.settledAt = moment
            try transaction.save(kept)
        }
    }

    private func key(_ name: String) -> String { "\(mode.rawValue)/\(name)" }

    private func discrepancy(
        _ kind: Discrepancy.Kind,
        _ name: String,
        _ body: [UInt8],
        _ state: Discrepancy.State,
        _ reason: String?
    ) -> Discrepancy {
        var discrepancy = Discrepancy(
            site: nil,
            provider: .payPal,
            mode: mode,
            key: key(name),
            kind: kind,
            order: nil,
            item: nil,
            body: body,
            occurredAt: nil,
            state: state,
            reason: reason,
            at: now()
        )
        if state == .healed { discrepancy.settledAt = now() }
        return discrepancy
    }

    private func keep(_ state: Discrepancy.State, _ make: () -> Discrepancy) async throws -> Outcome {
        let discrepancy = make()
        if options.isRehearsal {
            options.rehearsed(discrepancy)
        } else {
            // Unless somebody has said meanwhile that it is to stay as it is. What was applied is applied all the same.
            let isIgnored = try await store.transaction { transaction in
                let kept = try transaction.lockDiscrepancy(discrepancy.key, of: nil)
                if kept?.state == .ignored, state != .healed { return true }
                try transaction.save(discrepancy)
                return false
            }
            if isIgnored { return .agreed }
        }
        switch state {
        case .found: return .waiting
        case .healed: return .healed
        case .ignored: return .agreed
        case .person: return .person
        }
    }

    // MARK: What was found before

    /// Looks again at what was too young. Answers what became of it.
    package func lookAgain() async throws -> Reconciliation.Counts {
        try await store.lookAgain(at: .payPal, of: nil, in: mode, foundBy: settledTime, lookAgain(at:))
    }

    /// What has no event is asked of PayPal anew.
    package func lookAgain(at discrepancy: Discrepancy) async throws -> Outcome {
        if let finding = PayPalFinding(discrepancy) { return try await heal(finding) }
        guard let id = discrepancy.merchant, let merchant = try await store.read({ try $0.merchant(id) }) else {
            return .person
        }
        switch discrepancy.kind {
        case .consent, .capabilities: return try await look(at: merchant)
        case .capture:
            // What we hold and PayPal did not know.
            guard let name = JSON(parsing: discrepancy.body)?["name"].string, name.hasPrefix("ours/") else {
                return .person
            }
            return try await look(forOurs: String(name.dropFirst(5)), of: merchant)
        default: return .person
        }
    }
}

extension ReconciliationDependencies {
    /// Which PayPal's books are compared.
    var payPalEnvironment: Merchant.Environment {
        payPal?.settings.environment == .live ? .live : .sandbox
    }
}
