import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

/// `gatehouse events`: what providers told us, and what came of it.
struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What providers told us, and what came of it.",
        subcommands: [ListEvents.self, ShowEvent.self, ReplayEvents.self]
    )
}

struct ListEvents: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Search inbound events, the latest first.",
        discussion: """
            EXAMPLE
              gatehouse events list --email ana@example.com
              gatehouse events list --order 40000001
              gatehouse events list --status flagged --since 24h
            """
    )

    @OptionGroup var site: SiteOption

    @Option(name: .long, help: "The buyer's address.", transform: Reading.email)
    var email: EmailAddress?

    @Option(name: .long, help: "The provider's order id.")
    var order: String?

    @Option(name: .long, help: "The event's name, such as order.refund.")
    var name: String?

    @Option(name: .long, help: "What came of it.")
    var status: InboundEvent.Status?

    @Option(
        name: .long,
        help: ArgumentHelp("Received after this moment or age.", valueName: "time"),
        transform: Reading.moment
    )
    var since: Date?

    @Option(
        name: .long,
        help: ArgumentHelp("Received before this moment or age.", valueName: "time"),
        transform: Reading.moment
    )
    var until: Date?

    @OptionGroup var page: PageOptions<InboundEvent>
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var events: [EventEntry]
        /// Where the next page goes on; absent on the last.
        var next: String?

        func show(on page: inout Page) {
            var table = Table("id", "received", "event", "order", "e-mail", "status", "why")
            for event in events {
                table.row(
                    Table.Cell(event.id),
                    Table.Cell(Moment.text(event.receivedAt)),
                    Table.Cell(event.name + (event.mode == "test" ? " (test)" : "")),
                    Table.Cell(event.order),
                    Table.Cell(event.email),
                    Table.Cell(event.status, event.tone),
                    Table.Cell(event.reason)
                )
            }
            page.table(table, otherwise: "No events.")
            page.next(next)
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        try await desk.store.read { transaction in
            var search = InboundEventSearch(site: try transaction.site(site).id)
            search.email = email
            search.order = order
            search.name = name
            search.status = status
            search.since = since
            search.until = until
            search.after = page.after
            search.limit = page.asked
            let (events, next) = page.cut(try transaction.search(search), id: \.id)
            return Reply(events: events.map { EventEntry($0) }, next: next)
        }
    }
}

struct ShowEvent: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show an inbound event with its body and what it changed.",
        discussion: """
            The body is as it came, less the secret. Exit status 3 when there is no such event.

            EXAMPLE
              gatehouse events show 0198f0a2-7c4e-7b1d-9d5e-3f2a1b0c4d5e
            """
    )

    @Argument(help: "The event's id.", transform: Reading.id)
    var id: InboundEvent.ID

    @OptionGroup var site: SiteOption
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var event: EventEntry?
        var changes: [Change] = []
        /// The bytes as text; what is no UTF-8 is replaced.
        var body: String?
        /// What a person may do about it; absent where there is nothing to do.
        var advice: String?

        var exitStatus: ExitStatus { event == nil ? .no : .ok }

        func show(on page: inout Page) {
            guard let event else { return page.line("There is no such event.") }
            page.fields([
                "Event": Table.Cell("\(event.name) of \(event.provider)"),
                "Status": Table.Cell(event.status, event.tone),
                "Why": event.reason.map { Table.Cell($0) },
                "To do": advice.map { Table.Cell($0, .warning) },
                "Mode": event.mode.map { Table.Cell($0) },
                "Order": event.order.map { Table.Cell($0) },
                "E-mail": event.email.map { Table.Cell($0) },
                "Happened": event.occurredAt.map { Table.Cell(Moment.text($0)) },
                "Received": Table.Cell("\(Moment.text(event.receivedAt)) by \(event.source)"),
                "Applied": Table.Cell(Moment.text(event.appliedAt)),
                "Delivery": Table.Cell(event.deliveryKey, .faint),
                "Id": Table.Cell(event.id, .faint),
            ])
            page.heading("Changed")
            page.table(Change.table(changes), otherwise: "Nothing.")
            page.heading("Body")
            page.block(body ?? "")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        try await desk.store.read { transaction in
            let site = try transaction.site(site)
            guard let event = try transaction.foundInboundEvent(id, of: site.id) else { return Reply() }
            return Reply(
                event: EventEntry(event),
                changes: try transaction.accessChanges(by: id).map { Change($0) },
                body: try transaction.inboundEventBody(id).map { String(decoding: $0, as: UTF8.self) },
                advice: event.advice(at: site.slug)
            )
        }
    }
}

/// An inbound event in lists and documents.
struct EventEntry: Encodable, Sendable {
    var id: String
    var provider: String
    var name: String
    var source: String
    var mode: String?
    var order: String?
    var email: String?
    var status: String
    var reason: String?
    var occurredAt: Date?
    var receivedAt: Date
    var appliedAt: Date
    var deliveryKey: String

    init(_ event: FoundInboundEvent) {
        id = event.id.description
        provider = event.provider.rawValue
        name = event.name
        source = event.source.rawValue
        mode = event.mode?.rawValue
        order = event.order
        email = event.email
        status = event.status.rawValue
        reason = event.reason
        occurredAt = event.occurredAt
        receivedAt = event.receivedAt
        appliedAt = event.appliedAt
        deliveryKey = event.deliveryKey
    }

    var tone: Tone {
        switch InboundEvent.Status(rawValue: status) {
        case .applied: .good
        case .flagged: .warning
        case .failed: .bad
        case .ignored, nil: .faint
        }
    }
}

extension InboundEvent.Status: ExpressibleByArgument {}
