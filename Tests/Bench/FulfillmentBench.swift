import Domain
import FaultKit
import Foundation
import FulfillmentJobs
import Jobs
import Postgres
import Redis
import Seeds
import TestKit

/// Purchases applied a second by one fulfillment: order, member, entitlement, audit and messages; beside pgbench running
/// the statements of such a purchase, as Postgres has logged them.
struct FulfillmentBench {
    var seconds: Double

    private static let first = 1_000_000_000
    /// POSTGRES_POOL: connections, here and there.
    private static let connections = 8

    func run() async throws -> [Figure] {
        try await Programs.build(["fulfillment", "gatehouse"])
        let system = try await Gatehouse(
            .init(ingress: 0, fulfillment: 1),
            more: ["POSTGRES_POOL": "\(Self.connections)", "WORKER_CONCURRENCY": "\(Self.connections * 2)"]
        )
        let client = try system.redis.client()
        let queue = JobQueue(redis: client, logger: .silent)
        guard let site = try await system.pool.query("SELECT id FROM sites").decode(Site.ID.self).first,
            let pid = await system.pid(of: .fulfillment(0))
        else { throw Unreadable(text: "no site") }

        let statements = try await StatementLog(system).record {
            try await enqueue(0..<1, for: site, in: queue)
            try await system.drained()
        }
        try await apply(1..<500, for: site, in: queue, system)  // warm
        let count = Int(1500 * seconds)
        let cpu = Stopwatch.cpu(of: pid)
        let time = try await apply(1000..<(1000 + count), for: site, in: queue, system)
        let ours = Figure.Reading(
            by: "one fulfillment, \(Self.connections) connections",
            value: Double(count) / time,
            cpu: (Stopwatch.cpu(of: pid) - cpu) / Double(count) * 1e6
        )
        let applied = try await system.pool.query("SELECT count(*) FROM inbound_events WHERE status = 'applied'")
        guard try applied.decode(Int.self).first == count + 500 else { throw Unreadable(text: "not all was applied") }

        let bench = PGBench(server: system.postgres, clients: Self.connections, seconds: max(1, Int(seconds)))
        let (rate, average) = try await bench.run(statements.script(number: Self.first))
        await client.close()
        try await system.end()
        return [
            Figure(
                name: "apply purchases (\(statements.count) statements each)",
                ours: ours,
                yardstick: .init(
                    by: "pgbench -M prepared -c \(Self.connections), average \(average.rounded(to: 2)) ms",
                    value: rate
                ),
                goal: ("≥ 0.5 of pgbench with the same statements", ours.value >= 0.5 * rate)
            )
        ]
    }

    /// Enqueued while the queue is paused; seconds from the resume until all is applied.
    @discardableResult
    private func apply(_ numbers: Range<Int>, for site: Site.ID, in queue: JobQueue, _ system: Gatehouse) async throws
        -> Double
    {
        try await queue.pause(.fulfillment)
        try await enqueue(numbers, for: site, in: queue)
        let start = ContinuousClock.now
        try await queue.resume(.fulfillment)
        try await system.drained()
        return (.now - start) / .seconds(1)
    }

    private func enqueue(_ numbers: Range<Int>, for site: Site.ID, in queue: JobQueue) async throws {
        let now = Date()
        let requests = try numbers.map { number in
            var random = SeededRandom(seed: 1)
            let life = Life(order: Self.first + number, now: Int(now.timeIntervalSince1970), random: &random)
            let sale = life.webhooks(account: Gatehouse.account, secret: "")[0]
            let job = ApplyInboundEvent(
                site: site,
                provider: .thriveCart,
                deliveryKey: "bench-\(Self.first + number)",
                receivedAt: now,
                body: Array(sale.body.utf8)
            )
            return EnqueueRequest(envelope: try JobEnvelope(job))
        }
        _ = try await queue.enqueueEnvelopes(requests, on: .fulfillment)
    }
}

/// The statements of one piece of work as Postgres logs them, made into a script of pgbench that does the like again and
/// again: wherever the order's number stands, another number; for each new id, another id.
struct StatementLog {
    private let system: Gatehouse
    private var entries: [(statement: String, values: [String?])] = []
    /// Ids that were there before and stay.
    private var known: Set<String> = []

    /// Followed by the number of the session's process.
    private static let mark: StaticString = "@@log@@ "

    init(_ system: Gatehouse) { self.system = system }

    var count: Int { entries.count }

    func record(_ work: () async throws -> Void) async throws -> StatementLog {
        var log = self
        for table in ["sites", "plans"] {
            log.known.formUnion(
                try await system.pool.query("SELECT id::text FROM \(identifier: table)").decode(String.self)
            )
        }
        try await set("log_line_prefix", "@@log@@ %p ")
        try await set("log_statement", "all")
        try await reload(until: "log_statement", is: "all")
        try await work()
        try await set("log_statement", "none")
        try await reload(until: "log_statement", is: "none")
        let path = system.postgres.directory + "/log"
        let text = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
        log.entries = Self.transaction(in: Self.entries(in: text))
        guard log.entries.count > 4 else { throw Unreadable(text: text) }
        return log
    }

    private func set(_ name: StaticString, _ value: StaticString) async throws {
        try await system.pool.query("ALTER SYSTEM SET \(raw: name) = '\(raw: value)'")
    }

    private func reload(until name: String, is value: String) async throws {
        try await system.pool.query("SELECT pg_reload_conf()")
        try await eventually {
            try await system.pool.query("SELECT current_setting(\(name))").decode(String.self) == [value]
        }
    }

    // MARK: Reading

    private static func entries(in log: String) -> [(session: String, statement: String, values: [String?])] {
        var entries: [(session: String, statement: String, values: [String?])] = []
        for part in log.components(separatedBy: mark.description) {
            let (session, line) = split(part)
            if line.hasPrefix("LOG:  execute "), let colon = line.dropFirst(14).range(of: ": ") {
                entries.append((session, String(line[colon.upperBound...]), []))
            } else if line.hasPrefix("LOG:  statement: ") {
                entries.append((session, String(line.dropFirst(17)), []))
            } else if line.hasPrefix("DETAIL:  parameters: "),
                let last = entries.lastIndex(where: { $0.session == session })
            {
                entries[last].values = values(line.dropFirst(21))
            }
        }
        return entries
    }

    /// `4711 LOG:  …`, a line that goes on being indented.
    private static func split(_ part: String) -> (session: String, line: String) {
        let text = part.replacing("\n\t", with: "\n").trimmingCharacters(in: .newlines)
        let session = text.prefix { $0 != " " }
        return (String(session), String(text.dropFirst(session.count + 1)))
    }

    /// `$1 = 'it''s', $2 = NULL`
    private static func values(_ text: Substring) -> [String?] {
        var values: [String?] = []
        var rest = text
        while let equals = rest.range(of: " = ") {
            rest = rest[equals.upperBound...]
            guard rest.first == "'" else {
                values.append(nil)
                rest = rest.drop { $0 != "," }
                continue
            }
            rest = rest.dropFirst()
            var value = ""
            while let character = rest.popFirst() {
                if character == "'" {
                    guard rest.first == "'" else { break }
                    rest = rest.dropFirst()
                }
                value.append(character)
            }
            values.append(value)
        }
        return values
    }

    /// From the BEGIN before the event's row to the COMMIT behind it.
    private static func transaction(
        in entries: [(session: String, statement: String, values: [String?])]
    ) -> [(statement: String, values: [String?])] {
        guard let session = entries.first(where: { $0.statement.contains("INTO inbound_events") })?.session else {
            return []
        }
        let entries = entries.filter { $0.session == session }
        guard let insert = entries.firstIndex(where: { $0.statement.contains("INTO inbound_events") }),
            let begin = entries[..<insert].lastIndex(where: { $0.statement.hasPrefix("BEGIN") }),
            let commit = entries[insert...].firstIndex(where: { $0.statement.hasPrefix("COMMIT") })
        else { return [] }
        return entries[begin...commit].map { ($0.statement, $0.values) }
    }

    // MARK: Writing

    /// - Parameter number: the order's in the log.
    func script(number: Int) -> String {
        let lines = entries.map { statement, values in
            var text = statement
            for index in stride(from: values.count, to: 0, by: -1) {
                text = text.replacing(
                    "$\(index)",
                    with: values[index - 1].map { expression($0, "\(number)") } ?? "NULL"
                )
            }
            return text.trimmingCharacters(in: .whitespacesAndNewlines) + ";"
        }
        return "\\set n random(2000000000, 9999999999)\n" + lines.joined(separator: "\n") + "\n"
    }

    private func expression(_ value: String, _ number: String) -> String {
        if UUID(uuidString: value) != nil {
            return known.contains(value) ? "'\(value)'::uuid" : "md5('\(value)' || :n::text)::uuid"
        }
        if value.hasPrefix("\\x"), let text = Self.text(ofHex: value.dropFirst(2)), text.contains(number) {
            return "convert_to(\(concatenation(text, number)), 'UTF8')"
        }
        if value.wholeMatch(of: /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00/) != nil {
            return Self.literal(value) + "::timestamptz"
        }
        // The delivery's key is a digest of its body, which holds the number.
        if let digest = value.firstMatch(of: /^sha256:([0-9a-f]{64})$/)?.output.1 {
            return "E'sha256\\x3A' || encode(sha256(('\(digest)' || :n::text)::bytea), 'hex')"
        }
        guard value.contains(number) || ids(in: value).contains(where: { !known.contains($0) }) else {
            return Self.literal(value)
        }
        return "(\(concatenation(value, number)))\(Self.type(of: value))"
    }

    private static func type(of value: String) -> String {
        if value.hasPrefix("{\"") || value.hasPrefix("[{") { return "::jsonb" }
        guard value.hasPrefix("{"), value.hasSuffix("}") else { return "" }
        let isOfIDs = value.dropFirst().dropLast().split(separator: ",").allSatisfy {
            UUID(uuidString: String($0)) != nil
        }
        return isOfIDs ? "::uuid[]" : "::text[]"
    }

    private func ids(in value: String) -> [String] {
        value.matches(of: /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/).map { String($0.output.0) }
    }

    private func concatenation(_ text: String, _ number: String) -> String {
        var text = text
        for id in Set(ids(in: text)) where !known.contains(id) {
            text = text.replacing(id, with: "\u{1}\(id)\u{1}")
        }
        return text.components(separatedBy: "\u{1}").enumerated().map { index, part in
            if index % 2 == 1 { return "md5('\(part)' || :n::text)::uuid::text" }
            return part.components(separatedBy: number).map(Self.literal).joined(separator: " || :n::text || ")
        }
        .joined(separator: " || ")
    }

    /// Without a colon, which pgbench would take for a variable's.
    private static func literal(_ text: String) -> String {
        let escaped = text.replacing("\\", with: "\\\\").replacing("'", with: "''").replacing(":", with: "\\x3A")
            .replacing("\n", with: "\\n")
        return "E'\(escaped)'"
    }

    private static func text(ofHex hex: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = hex
        while rest.count >= 2 {
            guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
