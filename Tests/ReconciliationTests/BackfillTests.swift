import AsyncHTTPClient
import Domain
import FaultKit
import Foundation
import Postgres
import Redis
import SandboxKit
import Store
import TestKit
import Testing
import ThriveCart

@testable import SandboxPages

@Suite(.serialized) struct `A back-fill` {
    /// `BACKFILL_CUSTOMERS=20000` is the measurement; the figure of a plain test run is enough to be killed in.
    private static let customers = ProcessInfo.processInfo.environment["BACKFILL_CUSTOMERS"].flatMap { Int($0) } ?? 240

    @Test func `survives kill -9 at any point, repeats nothing and tells nobody`() async throws {
        try await withSellingSystem(daysAgo: 26, orders: Self.customers) { system, shop in
            try await shop.fill(Self.customers)
            let orders = Self.customers
            for part in 1...3 {
                let process = try await system.launch("backfill", "thrivecart", "--json")
                let wanted = orders * part / 5
                try await eventually(within: .seconds(600)) {
                    try await Self.count("members", in: system.pool) >= wanted
                }
                await process.kill()
                // So that the next one need not wait until the silence is long enough.
                try await system.pool.query("UPDATE reconciliations SET beat_at = now() - interval '1 minute'")
            }
            let last = try await system.launch("backfill", "thrivecart", "--json")
            let memory = try await Self.watch(last, in: system.pool)
            #expect(await last.exit() == .code(0), "\(last.lastWords)")

            #expect(try await Self.count("members", in: system.pool) == orders)
            #expect(try await Self.count("entitlements", in: system.pool) == orders)
            #expect(try await Self.count("outbox WHERE type = 'order.paid'", in: system.pool) == orders)
            #expect(try await Self.count("outbox WHERE type = 'entitlement.granted'", in: system.pool) == orders)
            #expect(try await Self.count("outbox WHERE relayed_at IS NULL OR letters", in: system.pool) == 0)
            #expect(try await Self.count("mails", in: system.pool) == 0)
            #expect(try await Self.count("reconciliations", in: system.pool) == 1)
            print("back-fill: \(orders) customers, memory \(memory)")
        }
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["BACKFILL_CUSTOMERS"] != nil))
    func `its rate stands beside the bare API's`() async throws {
        try await withSellingSystem(daysAgo: 26, orders: Self.customers) { system, shop in
            try await shop.fill(Self.customers)
            let clock = ContinuousClock()
            let port = try #require(await system.setting("THRIVECART_API_URL"))
            let books = ThriveCartAPI(key: BookShop.apiKey, mode: .live, address: port, client: .shared, turn: {})
            let bare = try await clock.measure {
                var page = 1
                while true {
                    let rows = try await books.transactions(page: page).rows
                    if rows.isEmpty { break }
                    let emails = Set(rows.compactMap { BookEntry(row: $0, mode: .live).email })
                    for email in emails { _ = try await books.customer(email) }
                    page += 1
                }
            }
            let whole = try await clock.measure { try await system.command("backfill", "thrivecart", "--json") }
            let rates = [bare, whole].map { Double(Self.customers) / ($0 / .seconds(1)) }
            print("back-fill of \(Self.customers): \(Int(rates[1])) customers/s; the bare API: \(Int(rates[0]))/s")
            #expect(try await Self.count("members", in: system.pool) == Self.customers)
        }
    }

    private static func count(_ table: String, in pool: PostgresPool) async throws -> Int {
        let tables = [
            "members": "SELECT count(*) FROM members" as Query, "entitlements": "SELECT count(*) FROM entitlements",
            "mails": "SELECT count(*) FROM mails", "reconciliations": "SELECT count(*) FROM reconciliations",
            "outbox WHERE type = 'order.paid'": "SELECT count(*) FROM outbox WHERE type = 'order.paid'",
            "outbox WHERE type = 'entitlement.granted'":
                "SELECT count(*) FROM outbox WHERE type = 'entitlement.granted'",
            "outbox WHERE relayed_at IS NULL OR letters":
                "SELECT count(*) FROM outbox WHERE relayed_at IS NULL OR letters",
        ]
        return try await pool.query(try #require(tables[table])).decode(Int.self)[0]
    }

    /// The memory of a process in MiB while it works: early, and at its greatest.
    private static func watch(_ process: ServerProcess, in pool: PostgresPool) async throws -> String {
        let began = try await count("members", in: pool)
        var early = 0
        var greatest = 0
        try await eventually(within: .seconds(3600)) {
            let now = resident(process.pid)
            greatest = max(greatest, now)
            if try await count("members", in: pool) < began + 400 { early = max(early, now) }
            return !process.isRunning
        }
        return "\(early / 1024) MiB early, \(greatest / 1024) MiB at most"
    }

    /// KiB.
    private static func resident(_ pid: Int32) -> Int {
        // Because a process that has just ended has no memory to be asked for.
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0
    }
}
