import ArgumentParser
import Foundation
import PayPal

struct PayPalTransactions: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "transactions",
        abstract: "The partner's transactions at PayPal.",
        discussion: """
            Any span: PayPal gives 31 days at a time, so longer ones are asked for in parts. PayPal's books lag up to 3 \
            hours and reach back 3 years.

            EXAMPLE
              gatehouse paypal transactions --start 2026-06-01 --end 2026-06-11
              gatehouse paypal transactions --start 2026-01-01 --end 2026-06-30 --csv > transactions.csv
            """
    )

    static let needs: Set<Need> = [.payPal]

    @Option(name: .long, help: ArgumentHelp("The first day, or moment.", valueName: "time"), transform: Self.start)
    var start: Date

    @Option(name: .long, help: ArgumentHelp("The last day, or moment.", valueName: "time"), transform: Self.end)
    var end: Date

    @Flag(name: .long, help: "Comma-separated values, for spreadsheets.")
    var csv = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard start <= end else { throw ValidationError("--start is after --end.") }
        guard !(csv && output.json) else { throw ValidationError("Choose --csv or --json.") }
    }

    static func start(_ text: String) throws -> Date { try day(text) ?? Reading.moment(text) }

    /// A day ends with its last second.
    static func end(_ text: String) throws -> Date {
        try day(text).map { $0.addingTimeInterval(86_399) } ?? Reading.moment(text)
    }

    private static func day(_ text: String) -> Date? {
        guard text.utf8.count == 10 else { return nil }
        // Because what is no day is tried as a moment.
        return try? Date(text + "T00:00:00Z", strategy: .iso8601)
    }

    struct Reply: Answer {
        var transactions: [Verbatim]
        fileprivate var asCSV: Bool

        private enum CodingKeys: String, CodingKey { case transactions }

        func show(on page: inout Page) {
            let entries = transactions.map { TransactionEntry($0.json) }
            if asCSV {
                page.raw(TransactionEntry.names.joined(separator: ","))
                for entry in entries { page.raw(entry.values.map { CSV.field($0) }.joined(separator: ",")) }
                return
            }
            var table = Table("time", "id", "event", "status", .number("amount"), .number("fee"), "invoice")
            for entry in entries {
                table.row(
                    Table.Cell(entry.time),
                    Table.Cell(entry.id),
                    Table.Cell(entry.event),
                    Table.Cell(entry.status),
                    Table.Cell(entry.amount.map { $0 + " " + (entry.currency ?? "") }),
                    Table.Cell(entry.fee),
                    Table.Cell(entry.invoice)
                )
            }
            page.table(table, otherwise: "No transactions.")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let payPal = try desk.payPal
        let progress = ProgressLine("asking PayPal")
        defer { progress.finish() }
        var windows = ReportWindow.split(from: start, to: end)
        var done = 0
        var all: [Verbatim] = []
        while let window = windows.first {
            progress.show(done, of: done + windows.count)
            windows.removeFirst()
            var page = 1
            var found: [JSON] = []
            pages: while true {
                switch await payPal.transactions(in: window, page: page) {
                case .answered(let answer, _):
                    found += answer.transactions
                    guard page < answer.totalPages, !answer.transactions.isEmpty else { break pages }
                    page += 1
                case .rejected(let rejection) where rejection.has("RESULTSET_TOO_LARGE"):
                    guard let halves = window.halves else { throw CommandProblem(rejection) }
                    windows.insert(contentsOf: halves, at: 0)
                    found = []
                    break pages
                case .rejected(let rejection):
                    throw CommandProblem(rejection)
                case .unavailable(let outage), .unknown(let outage):
                    throw CommandProblem(outage)
                }
            }
            all += found.map(Verbatim.init)
            done += 1
        }
        return Reply(transactions: all, asCSV: csv)
    }
}

/// What of a transaction is shown in a line.
private struct TransactionEntry {
    var time, id, reference, event, status, amount, currency, fee, invoice, custom: String?

    init(_ json: JSON) {
        let info = json["transaction_info"]
        time = info["transaction_initiation_date"].string
        id = info["transaction_id"].string
        reference = info["paypal_reference_id"].string
        event = info["transaction_event_code"].string
        status = info["transaction_status"].string
        amount = info["transaction_amount"]["value"].string
        currency = info["transaction_amount"]["currency_code"].string
        fee = info["fee_amount"]["value"].string
        invoice = info["invoice_id"].string
        custom = info["custom_field"].string
    }

    static let names = [
        "time", "transaction_id", "reference_id", "event_code", "status", "amount", "currency", "fee", "invoice_id",
        "custom_field",
    ]

    var values: [String?] { [time, id, reference, event, status, amount, currency, fee, invoice, custom] }
}

/// Comma-separated values. Source: RFC 4180.
enum CSV {
    /// Quoted where it has to be. What a spreadsheet would take for a formula gets an apostrophe in front.
    static func field(_ text: String?) -> String {
        guard var text, !text.isEmpty else { return "" }
        let isNumber = text.first == "-" && text.dropFirst().allSatisfy { $0.isASCII && ($0.isNumber || $0 == ".") }
        if let first = text.first, "=+-@\t\r".contains(first), !isNumber { text = "'" + text }
        guard text.contains(where: { ",\"\n\r".contains($0) || $0 == "\r\n" }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}
