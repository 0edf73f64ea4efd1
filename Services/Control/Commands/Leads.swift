import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

/// `gatehouse leads`: who left the cart.
struct Leads: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Who left the cart.",
        subcommands: [ListLeads.self]
    )
}

struct ListLeads: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List leads, the latest first.",
        discussion: """
            EXAMPLE
              gatehouse leads list --status open --since 7d
            """
    )

    @OptionGroup var site: SiteOption

    @Option(name: .long, help: "Only open ones, ones who are members already, or converted ones.")
    var status: Lead.Status?

    @Option(
        name: .long,
        help: ArgumentHelp("Only after this moment or age.", valueName: "time"),
        transform: Reading.moment
    )
    var since: Date?

    @OptionGroup var page: PageOptions<Lead>
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var leads: [Entry]
        /// Where the next page goes on; absent on the last.
        var next: String?

        struct Entry: Encodable {
            var email: String
            var name: String?
            var item: String?
            var status: String
            var abandonedAt: Date
        }

        func show(on page: inout Page) {
            var table = Table("abandoned", "e-mail", "name", "item", "status")
            for lead in leads {
                table.row(
                    Table.Cell(Moment.text(lead.abandonedAt)),
                    Table.Cell(lead.email),
                    Table.Cell(lead.name),
                    Table.Cell(lead.item),
                    Table.Cell(lead.status, lead.status == "converted" ? .good : .plain)
                )
            }
            page.table(table, otherwise: "No leads.")
            page.next(next)
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        try await desk.store.read { transaction in
            var search = LeadSearch(site: try transaction.site(site).id)
            search.status = status
            search.since = since
            search.after = page.after
            search.limit = page.asked
            let (leads, next) = page.cut(try transaction.search(search), id: \.id)
            return Reply(
                leads: leads.map { lead in
                    let name = [lead.firstName, lead.lastName].compactMap { $0 }.joined(separator: " ")
                    return Reply.Entry(
                        email: lead.email.original,
                        name: name.isEmpty ? nil : name,
                        item: lead.item?.description,
                        status: lead.status.rawValue,
                        abandonedAt: lead.abandonedAt
                    )
                },
                next: next
            )
        }
    }
}

extension Lead.Status: ExpressibleByArgument {}
