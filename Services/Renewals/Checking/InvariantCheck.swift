import Domain
package import Foundation
import Logging
package import PayPal
import Postgres
package import Sealing
package import Store

/// What must always hold of renewals, looked at in our books and, as far as it can be reached, in PayPal's.
package struct InvariantCheck: Sendable {
    let store: Store
    /// Nil: PayPal's record is not looked at.
    let paypal: PayPalClient?
    /// Nil: what is frozen is not opened.
    let sealer: Sealer?
    let reach: Reach

    /// How far PayPal's record is compared with ours.
    package struct Reach: Sendable, Hashable {
        /// Payments not older than so many seconds; a little more than a day, so that none slips through.
        package var seconds: TimeInterval
        /// At most so many are looked up, drawn by lot.
        package var lookUps: Int
        /// Whether merchants let their transactions be searched.
        package var searchesTransactions: Bool

        package init(seconds: TimeInterval = 25 * 3600, lookUps: Int = 300, searchesTransactions: Bool = false) {
            self.seconds = seconds
            self.lookUps = lookUps
            self.searchesTransactions = searchesTransactions
        }
    }

    package init(store: Store, paypal: PayPalClient?, sealer: Sealer?, reach: Reach = Reach()) {
        self.store = store
        self.paypal = paypal
        self.sealer = sealer
        self.reach = reach
    }

    /// One invariant, and what was found.
    package struct Verdict: Sendable {
        package var invariant: String
        package var says: String
        /// A violation stops all charging; others wake an operator.
        package var isGrave: Bool
        package var violations: [InvariantViolation]
        /// How much was compared, or why nothing was; nil where all was.
        package var note: String?

        package init(
            invariant: String,
            says: String,
            isGrave: Bool,
            violations: [InvariantViolation],
            note: String? = nil
        ) {
            self.invariant = invariant
            self.says = says
            self.isGrave = isGrave
            self.violations = violations
            self.note = note
        }
    }

    package func run(at now: Date) async throws -> [Verdict] {
        var verdicts: [Verdict] = []
        for invariant in RenewalInvariant.all {
            verdicts.append(
                Verdict(
                    invariant: invariant.name,
                    says: invariant.says,
                    isGrave: invariant.isGrave,
                    violations: try await store.read { try $0.violations(of: invariant, at: now) }
                )
            )
        }
        if let sealer, let index = verdicts.firstIndex(where: { $0.invariant == "I6" }) {
            verdicts[index].violations += try await thawed(with: sealer)
        }
        return verdicts + [try await comparison(at: now)]
    }

    /// Stops all charging when a grave one is violated. Answers whether it is stopped by this.
    ///
    /// Not for violations that a person knew of who resumed: what was charged twice stays so, however it was made good.
    @discardableResult
    package func pause(for verdicts: [Verdict], at now: Date) async throws -> Bool {
        let known = try await known()
        let grave = verdicts.filter { $0.isGrave && $0.violations.contains { !known.contains($0.key) } }
        guard let first = grave.first else { return false }
        let more = grave.count > 1 ? ", and \(grave.count - 1) more" : ""
        let found = verdicts.filter(\.isGrave).flatMap(\.violations).map(\.key)
        return try await store.transaction { transaction in
            try transaction.pauseRenewals(
                by: .invariants,
                reason: "\(first.invariant): \(first.says)\(more)",
                found: found,
                at: now
            )
        }
    }

    /// The keys of violations after which a person has resumed.
    package func known() async throws -> Set<String> { try await store.read { try $0.knownViolations() } }

    // MARK: I6, the bytes

    /// What is frozen is still what it was, and of its own charge.
    private func thawed(with sealer: Sealer) async throws -> [InvariantViolation] {
        try await store.read { try $0.frozenCharges(limit: 1000) }.compactMap { charge in
            func violation(_ detail: String) -> InvariantViolation {
                InvariantViolation(
                    invariant: "I6",
                    subscription: charge.subscription,
                    period: charge.key.period,
                    detail: detail
                )
            }
            guard let bytes = try? sealer.open(charge.sealed, for: FrozenBody.place(of: charge.requestID)) else {
                // Because a key that is missing here is the doctor's business; a body of another charge opens nowhere.
                return violation("what is frozen for \(charge.requestID) can't be opened")
            }
            guard FrozenBody.digest(of: bytes) == charge.sha256 else {
                return violation("what is frozen for \(charge.requestID) is not what it was")
            }
            let unit = JSON(parsing: bytes)?["purchase_units"][0] ?? .null
            guard unit["invoice_id"].string == charge.invoiceID else {
                return violation("what is frozen for \(charge.requestID) pays another invoice")
            }
            return nil
        }
    }

    // MARK: PayPal's record

    private static let settling: TimeInterval = 600
    private static let says = "PayPal has captured what periods say was paid, and nothing else"

    private func comparison(at now: Date) async throws -> Verdict {
        var verdict = Verdict(invariant: "PayPal", says: Self.says, isGrave: true, violations: [])
        guard let paypal else {
            verdict.note = "not compared: PayPal's credentials are not set"
            return verdict
        }
        let comparison = ProviderComparison(store: store, paypal: paypal)
        // What was captured a moment ago is not seen everywhere at PayPal.
        let settled = now - Self.settling
        let looked = try await comparison.lookUp(from: now - reach.seconds, to: settled, limit: reach.lookUps)
        verdict.violations = looked.violations
        verdict.note = looked.note
        guard reach.searchesTransactions else { return verdict }
        let searched = try await comparison.search(from: now - reach.seconds, to: now)
        verdict.violations += searched.violations
        verdict.note = [looked.note, searched.note].compactMap { $0 }.joined(separator: "; ")
        return verdict
    }
}
