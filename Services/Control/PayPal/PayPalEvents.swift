import ArgumentParser
import Domain
import Foundation
import PayPal
import Postgres
import Store

struct ListPayPalEvents: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "What PayPal told us, the latest first.",
        discussion: """
            --raw prints the latest event of the type as it came, to see which places --set of simulate can name.

            EXAMPLE
              gatehouse paypal webhooks events --type PAYMENT.CAPTURE.COMPLETED --raw
            """
    )

    @Option(name: .long, help: "The event's type, such as PAYMENT.CAPTURE.REFUNDED.")
    var type: String?

    @Option(name: .long, help: "How many at most.")
    var limit = 20

    @Flag(name: .long, help: "Print the latest one's body, byte for byte.")
    var raw = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1000).contains(limit) else { throw ValidationError("--limit is 1 to 1000.") }
    }

    struct Reply: Answer {
        struct Entry: Encodable, Sendable {
            var id: String
            var type: String
            var receivedAt: Date
            var status: String
            var reason: String?
            var merchant: String?
        }

        var events: [Entry]
        /// With `--raw`: the latest one's document.
        var latest: Verbatim?
        fileprivate var text: String?

        private enum CodingKeys: String, CodingKey { case events, latest }

        var exitStatus: ExitStatus { events.isEmpty ? .no : .ok }

        func show(on page: inout Page) {
            if let text { return page.raw(text) }
            var table = Table("id", "received", "type", "status", "reason")
            for event in events {
                table.row(
                    Table.Cell(event.id),
                    Table.Cell(Moment.text(event.receivedAt)),
                    Table.Cell(event.type),
                    Table.Cell(event.status, event.status == "applied" ? .good : .plain),
                    Table.Cell(event.reason)
                )
            }
            page.table(table, otherwise: "No events.")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let found = try await desk.store.read { try $0.payPalEvents(ofType: type, limit: raw ? 1 : limit) }
        let entries = found.map {
            Reply.Entry(
                id: $0.id,
                type: $0.type,
                receivedAt: $0.receivedAt,
                status: $0.status.rawValue,
                reason: $0.reason,
                merchant: $0.merchant?.description
            )
        }
        guard raw, let latest = found.first else { return Reply(events: entries) }
        return Reply(
            events: entries,
            latest: JSON(parsing: latest.body).map(Verbatim.init),
            text: String(decoding: latest.body, as: UTF8.self)
        )
    }
}
