import ArgumentParser
import Domain
import Foundation
import Postgres
import ReconciliationJobs
import Store

struct HealDiscrepancy: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "heal",
        abstract: "Look at a discrepancy again now, and heal it if the books still say so.",
        discussion: """
            Does not wait for webhooks on their way. What the customer's record contradicts is not healed: exit status 3.

            EXAMPLE
              gatehouse discrepancies heal 0198f0a2-7c4e-7b1d-9d5e-3f2a1b0c4d5e
            """
    )

    static let needs: Set<Need> = [.database, .redis, .keys]

    @Argument(help: "The discrepancy's id.", transform: Reading.id)
    var id: Discrepancy.ID

    @OptionGroup var site: SiteOption
    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> SettledDiscrepancy {
        let found = try await desk.store.read { try $0.discrepancy(id, of: self.site) }
        if found.state == .ignored { throw CommandProblem.failure("somebody said that it is to stay as it is") }
        if found.state == .healed { throw CommandProblem.failure("it is healed already") }
        if found.provider == .payPal {
            try await lookAtPayPal(found, desk)
        } else {
            try await lookAtBooks(found, desk)
        }
        return SettledDiscrepancy(
            discrepancy: DiscrepancyEntry(try await desk.store.read { try $0.discrepancy(id, of: self.site) })
        )
    }

    private func lookAtBooks(_ found: Discrepancy, _ desk: Desk) async throws {
        let site = try await desk.store.read { try $0.site(self.site) }
        let books = try await desk.reconciling().ownBooks(of: site, in: found.mode)
        var options = BooksComparison.Options()
        options.inFlight = 0
        let comparison = BooksComparison(site, in: found.mode, books: books, store: try desk.store, options: options)
        _ = try await comparison.lookAgain(at: found)
    }

    private func lookAtPayPal(_ found: Discrepancy, _ desk: Desk) async throws {
        var options = PayPalComparison.Options()
        options.inFlight = 0
        guard let comparison = PayPalComparison(try desk.reconciling(), options: options) else {
            throw ReconciliationProblem.noPayPal
        }
        _ = try await comparison.lookAgain(at: found)
    }
}

struct IgnoreDiscrepancy: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "ignore",
        abstract: "Leave a discrepancy as it is, for good.",
        discussion: """
            No later run heals it or tells of it.

            EXAMPLE
              gatehouse discrepancies ignore 0198f0a2-7c4e-7b1d-9d5e-3f2a1b0c4d5e --reason "refunded by hand"
            """
    )

    @Argument(help: "The discrepancy's id.", transform: Reading.id)
    var id: Discrepancy.ID

    @Option(name: .long, help: "Why, for whoever looks later.")
    var reason: String

    @OptionGroup var site: SiteOption
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if reason.trimmingBlanks().isEmpty { throw ValidationError("--reason must not be empty.") }
    }

    func answer(at desk: Desk) async throws -> SettledDiscrepancy {
        let now = Date.now
        return try await desk.store.transaction { transaction in
            let key = try transaction.discrepancy(id, of: self.site)
            // So that a run that heals it now is not overruled.
            var found = try transaction.lockDiscrepancy(key.key, of: key.site) ?? key
            guard found.state != .healed else { throw CommandProblem.failure("it is healed already") }
            found.state = .ignored
            found.reason = reason.trimmingBlanks()
            found.settledAt = now
            try transaction.save(found)
            return SettledDiscrepancy(discrepancy: DiscrepancyEntry(found))
        }
    }
}

/// What became of a discrepancy.
struct SettledDiscrepancy: Answer {
    var discrepancy: DiscrepancyEntry

    var exitStatus: ExitStatus { discrepancy.settledAt == nil ? .no : .ok }

    func show(on page: inout Page) { discrepancy.show(on: &page) }
}
