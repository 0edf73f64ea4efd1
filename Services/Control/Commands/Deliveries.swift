import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

/// `gatehouse deliveries`: what went to whom, and what came back.
struct Deliveries: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What went to whom, and what came back.",
        subcommands: [
            ListDeliveries.self, ShowDelivery.self, ResendDelivery.self, RecoverDeliveries.self, TailDeliveries.self,
        ]
    )
}

struct ListDeliveries: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Search deliveries, the latest message first.",
        discussion: """
            EXAMPLE
              gatehouse deliveries list --state failed --since 24h
              gatehouse deliveries list --email ana@example.com
              gatehouse deliveries list --order 40000001 --event order.refunded
              gatehouse deliveries list --merchant HF5SN9RKCTNJ2 --event PAYMENT.CAPTURE.COMPLETED
            """
    )

    @OptionGroup var owner: OwnerOption

    @Option(name: .long, help: ArgumentHelp("To this endpoint.", valueName: "id"), transform: Reading.id)
    var endpoint: Endpoint.ID?

    @Option(name: .long, help: "The event's name, such as entitlement.granted.")
    var event: String?

    @Option(name: .long, help: "The member's address.", transform: Reading.email)
    var email: EmailAddress?

    @Option(name: .long, help: "The provider's order id.")
    var order: String?

    @Option(name: .long, help: "What came of it.")
    var state: Delivery.State?

    @Option(
        name: .long,
        help: ArgumentHelp("Of messages after this moment or age.", valueName: "time"),
        transform: Reading.moment
    )
    var since: Date?

    @OptionGroup var page: PageOptions<Delivery>
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var deliveries: [DeliveryEntry]
        /// Where the next page goes on; absent on the last.
        var next: String?

        func show(on page: inout Page) {
            var table = Table("id", "made", "event", "endpoint", "e-mail", .number("tries"), "last", "state")
            for delivery in deliveries {
                table.row(
                    Table.Cell(delivery.id),
                    Table.Cell(Moment.text(delivery.createdAt)),
                    Table.Cell(delivery.event),
                    Table.Cell(delivery.url),
                    Table.Cell(delivery.email),
                    Table.Cell("\(delivery.attempts)"),
                    Table.Cell(delivery.lastResult),
                    Table.Cell(delivery.state, delivery.tone)
                )
            }
            page.table(table, otherwise: "No deliveries.")
            page.next(next)
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        try await desk.store.read { transaction in
            var search = DeliverySearch(of: try transaction.owner(owner))
            search.endpoint = endpoint
            search.type = event
            search.email = email
            search.order = order
            search.state = state
            search.since = since
            search.after = page.after
            search.limit = page.asked
            let (deliveries, next) = page.cut(try transaction.search(search), id: \.id)
            return Reply(deliveries: deliveries.map { DeliveryEntry($0) }, next: next)
        }
    }
}

struct ShowDelivery: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a delivery: each attempt, the answers, and the bytes that were sent.",
        discussion: """
            Exit status 3 when there is no such delivery.

            EXAMPLE
              gatehouse deliveries show 0198f0a2-7c4e-7b1d-9d5e-3f2a1b0c4d5e
            """
    )

    @Argument(help: "The delivery's id.", transform: Reading.id)
    var id: Delivery.ID

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var delivery: DeliveryEntry?
        var attempts: [AttemptEntry] = []
        var body: String?

        var exitStatus: ExitStatus { delivery == nil ? .no : .ok }

        func show(on page: inout Page) {
            guard let delivery else { return page.line("There is no such delivery.") }
            page.fields([
                "Event": Table.Cell(delivery.event),
                "Endpoint": Table.Cell(delivery.url),
                "E-mail": delivery.email.map { Table.Cell($0) },
                "Order": delivery.order.map { Table.Cell($0) },
                "State": Table.Cell(delivery.state, delivery.tone),
                "Next try": delivery.nextTryAt.map { Table.Cell(Moment.text($0)) },
                "Message": Table.Cell(delivery.message, .faint),
                "Id": Table.Cell(delivery.id, .faint),
            ])
            page.heading("Attempts")
            var table = Table(.init(stringLiteral: "#"), "at", "result", .number("ms"), "next")
            for attempt in attempts {
                table.row(
                    Table.Cell("\(attempt.number)"),
                    Table.Cell(Moment.text(attempt.at)),
                    Table.Cell(attempt.result, attempt.tone),
                    Table.Cell("\(attempt.latencyMilliseconds)"),
                    Table.Cell(attempt.nextAt.map(Moment.text))
                )
            }
            page.table(table, otherwise: "None yet.")
            if let last = attempts.last, !last.answer.isEmpty {
                page.heading("Last answer")
                page.block(last.answer)
            }
            page.heading("Body")
            page.block(body ?? "")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        try await desk.store.read { transaction in
            guard let delivery = try transaction.foundDelivery(id) else { return Reply() }
            return Reply(
                delivery: DeliveryEntry(delivery),
                attempts: try transaction.attempts(of: id).map { AttemptEntry($0) },
                body: try transaction.messageBody(delivery.message).map { String(decoding: $0, as: UTF8.self) }
            )
        }
    }
}

extension Delivery.State: ExpressibleByArgument {}
