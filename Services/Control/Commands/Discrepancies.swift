import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

/// `gatehouse discrepancies`: what a provider's books said and ours did not.
struct Discrepancies: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What a provider's books said and ours did not.",
        subcommands: [
            ListDiscrepancies.self, ShowDiscrepancy.self, HealDiscrepancy.self, IgnoreDiscrepancy.self,
        ]
    )
}

struct ListDiscrepancies: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List discrepancies, the latest first.",
        discussion: """
            found: heals by itself when it is old enough. person: somebody has to decide. healed and ignored are over.

            Of PayPal's books, which are no site's, with --provider paypal.

            EXAMPLE
              gatehouse discrepancies list
              gatehouse discrepancies list --provider paypal
              gatehouse discrepancies list --state healed
            """
    )

    @OptionGroup var site: SiteOption

    @Option(name: .long, help: "found, person, healed or ignored (default: found and person).")
    var state: Discrepancy.State?

    @Option(name: .long, help: "Whose books, thrivecart or paypal.")
    var provider: BooksProvider = .thriveCart

    @OptionGroup var page: PageOptions<Discrepancy>
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var discrepancies: [DiscrepancyEntry]
        /// Where the next page goes on; absent on the last.
        var next: String?

        func show(on page: inout Page) {
            var table = Table("id", "found", "what", "order", "item", "state", "why")
            for entry in discrepancies {
                table.row(
                    Table.Cell(entry.id),
                    Table.Cell(Moment.text(entry.foundAt)),
                    Table.Cell(entry.kind),
                    Table.Cell(entry.order),
                    Table.Cell(entry.item),
                    Table.Cell(entry.state, entry.tone),
                    Table.Cell(entry.reason)
                )
            }
            page.table(table, otherwise: "None.")
            page.next(next)
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        try await desk.store.read { transaction in
            let found = try transaction.discrepancies(
                of: provider == .payPal ? nil : try transaction.site(site).id,
                states: state.map { [$0] } ?? [.found, .person],
                after: page.after,
                limit: page.asked
            )
            let (shown, next) = page.cut(found, id: \.id)
            return Reply(discrepancies: shown.map { DiscrepancyEntry($0) }, next: next)
        }
    }
}

struct ShowDiscrepancy: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a discrepancy with the books' own words.",
        discussion: """
            EXAMPLE
              gatehouse discrepancies show 0198f0a2-7c4e-7b1d-9d5e-3f2a1b0c4d5e
            """
    )

    @Argument(help: "The discrepancy's id.", transform: Reading.id)
    var id: Discrepancy.ID

    @OptionGroup var site: SiteOption
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        /// Absent where the books are no site's.
        var site: String?
        var discrepancy: DiscrepancyEntry
        var body: String

        func show(on page: inout Page) {
            discrepancy.show(on: &page)
            page.heading("The books say")
            page.block(body)
            guard discrepancy.state == "found" || discrepancy.state == "person" else { return }
            let site = site.map { " --site \($0)" } ?? ""
            page.line(
                "To look again now, and heal it if it is still so: gatehouse discrepancies heal \(discrepancy.id)\(site)"
            )
            page.line("To leave it as it is: gatehouse discrepancies ignore \(discrepancy.id)\(site) --reason WHY")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let (found, slug) = try await desk.store.read { transaction in
            let found = try transaction.discrepancy(id, of: site)
            return (found, try found.site.flatMap { try transaction.site($0)?.slug.text })
        }
        return Reply(
            site: slug,
            discrepancy: DiscrepancyEntry(found),
            body: String(decoding: found.body, as: UTF8.self)
        )
    }
}

extension Transaction {
    /// The one with this id, of PayPal's books or of the site's; where there is none, what to do.
    func discrepancy(_ id: Discrepancy.ID, of option: SiteOption) throws -> Discrepancy {
        if let found = try discrepancy(id, of: Site.ID?.none) { return found }
        let site = try site(option)
        if let found = try discrepancy(id, of: site.id) { return found }
        throw CommandProblem.failure(
            "the site \(site.slug) has no discrepancy \(id)",
            fix: "gatehouse discrepancies list"
        )
    }
}

/// One discrepancy as an operator sees it.
struct DiscrepancyEntry: Encodable, Sendable {
    var id: String
    var provider: String
    var mode: String
    var kind: String
    /// Whose account at PayPal it is about.
    var merchant: String?
    var order: String?
    var item: String?
    var state: String
    var reason: String?
    /// The event by which it was healed.
    var event: String?
    var occurredAt: Date?
    var foundAt: Date
    var settledAt: Date?

    init(_ discrepancy: Discrepancy) {
        id = discrepancy.id.description
        provider = discrepancy.provider.rawValue
        mode = discrepancy.mode.rawValue
        kind = discrepancy.kind.rawValue
        order = discrepancy.order
        item = discrepancy.item?.description
        state = discrepancy.state.rawValue
        reason = discrepancy.reason
        event = discrepancy.event?.description ?? discrepancy.payPalEvent
        merchant = discrepancy.merchant?.description
        occurredAt = discrepancy.occurredAt
        foundAt = discrepancy.foundAt
        settledAt = discrepancy.settledAt
    }

    var tone: Tone {
        switch state {
        case "healed": .good
        case "person": .bad
        case "found": .warning
        default: .plain
        }
    }

    func show(on page: inout Page) {
        page.fields([
            "What": Table.Cell("\(kind), \(provider), \(mode)"),
            "Merchant": merchant.map { Table.Cell($0) },
            "Order": Table.Cell(order),
            "Item": item.map { Table.Cell($0) },
            "State": Table.Cell(state, tone),
            "Why": reason.map { Table.Cell($0) },
            "Happened": occurredAt.map { Table.Cell(Moment.text($0)) },
            "Found": Table.Cell(Moment.text(foundAt)),
            "Settled": settledAt.map { Table.Cell(Moment.text($0)) },
            "By event": event.map { Table.Cell($0) },
            "Id": Table.Cell(id, .faint),
        ])
    }
}

extension Discrepancy.State: ExpressibleByArgument {}
