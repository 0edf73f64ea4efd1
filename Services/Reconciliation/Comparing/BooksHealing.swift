import Domain
import Foundation
import FulfillmentJobs
import Postgres
package import Store
import ThriveCart

extension BooksComparison {
    // MARK: One finding

    func heal(_ finding: Finding, asking record: inout CustomerRecord) async throws -> Outcome {
        let kept = try await store.read { try $0.discrepancy(keyed: finding.key, of: site.id) }
        if kept?.state == .ignored { return .agreed }
        if finding.kind == .unreadable {
            return try await keep(finding, .person, "it names no order or item that we can read")
        }
        guard finding.entry.email != nil else {
            return try await keep(finding, .person, "it names no buyer's address that we can read")
        }
        switch try await ask(&record, of: finding) {
        case .silent(let reason): return try await keep(finding, .found, reason)
        case .refused(let reason): return try await keep(finding, .person, reason)
        case .told(let customer):
            switch finding.confirmed(by: customer) {
            case .contradicted(let reason):
                if try await agrees(customer, about: finding) { return .agreed }
                return try await keep(finding, .person, reason)
            case .confirmed(let entry):
                let foundBefore = kept.flatMap { $0.state == .healed ? nil : $0 }
                if finding.takesAway, isTooYoung(finding, foundAt: foundBefore?.foundAt) {
                    return try await keep(finding, .found, "a webhook may still be on its way")
                }
                return try await apply(try Finding(entry, account: account))
            }
        }
    }

    /// By the provider's clock where the row has a time, else by when we found it. Source: rule H3.
    private func isTooYoung(_ finding: Finding, foundAt: Date?) -> Bool {
        let end = now().addingTimeInterval(-options.inFlight)
        if let foundAt, foundAt <= end { return false }
        guard finding.entry.state == nil, let bookedAt = finding.entry.bookedAt else { return options.inFlight > 0 }
        return bookedAt > end && options.inFlight > 0
    }

    /// Unless somebody has said meanwhile that it is to stay as it is.
    private func keep(_ finding: Finding, _ state: Discrepancy.State, _ reason: String) async throws -> Outcome {
        let outcome: Outcome = state == .person ? .person : .waiting
        let discrepancy = finding.discrepancy(of: site.id, state, reason, at: now())
        if options.isRehearsal {
            options.rehearsed(discrepancy)
            return outcome
        }
        return try await store.transaction { transaction in
            if try transaction.lockDiscrepancy(finding.key, of: site.id)?.state == .ignored { return .agreed }
            try transaction.save(discrepancy)
            return outcome
        }
    }

    /// Writes down by its own name what the ledger holds by another, so that what happened near it is not taken for it.
    func hear(_ witness: Finding, asking record: inout CustomerRecord) async throws {
        guard case .told(let customer) = try await ask(&record, of: witness),
            case .confirmed(let entry) = witness.confirmed(by: customer)
        else { return }
        _ = try await apply(try Finding(entry, account: account))
    }

    // MARK: The customer's record

    private enum Word {
        case told(ThriveCartCustomer?)
        /// Not now, of this customer.
        case silent(String)
        /// Not of this customer, now or later.
        case refused(String)
    }

    /// One customer of whom ThriveCart says nothing keeps nobody else from being looked at. Several in a row are an
    /// outage, which is thrown.
    private func ask(_ record: inout CustomerRecord, of finding: Finding) async throws -> Word {
        do {
            let customer = try await record.of(finding.entry.email)
            silence.end()
            return .told(customer)
        } catch ThriveCartAPIError.refused(let status, _) {
            silence.end()
            return .refused("ThriveCart does not show us the customer (\(status))")
        } catch ThriveCartAPIError.unreadable(_) {
            return .refused("ThriveCart's answer about the customer can't be read")
        } catch let error as ThriveCartAPIError where error.isTransient && error != .limited {
            guard silence.goesOn() else { throw error }
            return .silent("ThriveCart did not answer about the customer")
        }
    }

    /// Whether the ledger holds a subscription to stand as the customer's record says, and the row is older than both.
    private func agrees(_ customer: ThriveCartCustomer?, about finding: Finding) async throws -> Bool {
        guard finding.entry.state != nil, let item = finding.item, let number = finding.event.order?.number,
            let holding = customer?.holding(of: item, in: number),
            let state = BookEntry.State(rawValue: holding.status),
            let ledger = try await ledgers(of: [finding])[number], let known = ledger.item(item)
        else { return false }
        return !state.disagrees(with: known, isOnlyItem: ledger.onlyItem == item)
    }

    // MARK: Applying it

    private func apply(_ finding: Finding) async throws -> Outcome {
        let moment = now()
        let delivery = InboundDelivery(
            site: site.id,
            provider: .thriveCart,
            source: .reconciliation,
            receivedAt: moment,
            body: finding.entry.body
        )
        do {
            return try await store.transaction { transaction in
                let kept = try transaction.lockDiscrepancy(finding.key, of: site.id)
                if kept?.state == .ignored { return .agreed }
                // What was found before was missed, whoever heals it: it is told and kept like any other.
                let wasFound = kept?.state == .found || kept?.state == .person
                if !wasFound { try transaction.tell(only: options.hearers) }
                let applied = try transaction.apply(delivery, at: moment)
                let outcome = try settle(applied, finding, wasFound: wasFound, in: transaction, moment)
                if options.isRehearsal { throw Undone(outcome: outcome) }
                return outcome
            }
        } catch let undone as Undone {
            if undone.outcome == .healed {
                options.rehearsed(finding.discrepancy(of: site.id, .healed, nil, at: moment))
            }
            return undone.outcome
        }
    }

    private func settle(
        _ applied: Applied,
        _ finding: Finding,
        wasFound: Bool,
        in transaction: Transaction,
        _ moment: Date
    ) throws -> Outcome {
        switch applied {
        case .kept(_, .known) where !wasFound:
            // By another road, and never missed.
            return .agreed
        case .kept(let event, let verdict):
            if options.keepsHealed || wasFound {
                try transaction.save(
                    finding.discrepancy(of: site.id, .healed, verdict.reason, event: event, at: moment)
                )
            }
            return .healed
        case .known:
            guard isSo(finding, beside: try ledgers(of: [finding], in: transaction).values.first) else {
                // Another process that compares the same books was quicker.
                if wasFound { try transaction.save(finding.discrepancy(of: site.id, .healed, Self.told, at: moment)) }
                return .agreed
            }
            try transaction.save(
                finding.discrepancy(of: site.id, .person, "it was applied before, without effect", at: moment)
            )
            return .person
        case .noSite: return .agreed
        }
    }

    private struct Undone: Error {
        var outcome: Outcome
    }

    // MARK: What was found before

    private static let told = "it was told by another way meanwhile"

    /// Looks again at what was too young. Answers what became of it.
    package func lookAgain() async throws -> Reconciliation.Counts {
        let end = now().addingTimeInterval(-options.inFlight)
        return try await store.lookAgain(at: .thriveCart, of: site.id, in: mode, foundBy: end, lookAgain(at:))
    }

    /// What waits for a person and was told to us meanwhile waits no longer.
    func settleWhatWasTold() async throws {
        try await store.eachDiscrepancy(.person, at: .thriveCart, of: site.id, in: mode, foundBy: now()) { waiting in
            guard let finding = try finding(waiting) else { return }
            let ledger = try await ledgers(of: [finding]).values.first
            if !isSo(finding, beside: ledger) { try await settle(waiting) }
        }
    }

    package func lookAgain(at discrepancy: Discrepancy) async throws -> Outcome {
        guard var finding = try finding(discrepancy) else { return .person }
        let ledger = try await ledgers(of: [finding]).values.first
        guard isSo(finding, beside: ledger) else {
            try await settle(discrepancy)
            return .healed
        }
        if let known = finding.item.flatMap({ ledger?.item($0) }), let observed = finding.entry.observedAt,
            let state = finding.entry.state, observed <= known.newestMoment
        {
            let moment = known.newestMoment.addingTimeInterval(1)
            finding = try Finding(finding.entry.standing(state, since: moment), account: account)
        }
        var record = CustomerRecord(books: books)
        return try await heal(finding, asking: &record)
    }

    private func finding(_ discrepancy: Discrepancy) throws -> Finding? {
        try BookEntry(body: discrepancy.body).map { try Finding($0, account: account) }
    }

    /// Whether it is news to the ledger of its order.
    private func isSo(_ finding: Finding, beside ledger: Order?) -> Bool {
        guard let state = finding.entry.state else { return ledger?.knows(finding.event) != true }
        guard let known = finding.item.flatMap({ ledger?.item($0) }) else { return true }
        return state.disagrees(with: known, isOnlyItem: ledger?.onlyItem == finding.item)
    }

    private func settle(_ discrepancy: Discrepancy) async throws {
        if options.isRehearsal { return }
        let moment = now()
        try await store.transaction { transaction in
            guard var kept = try transaction.lockDiscrepancy(discrepancy.key, of: site.id),
                kept.state == .found || kept.state == .person
            else { return }
            kept.state = .healed
            kept.reason = Self.told
            kept.settledAt = moment
            try transaction.save(kept)
        }
    }
}
