import ArgumentParser
import AsyncHTTPClient
import Domain
import FaultKit
import Foundation
import Postgres
import SandboxKit
import SandboxPages
import Seeds
import TestKit
import ThriveCart

/// Takes over many customers, with kills, and beside the bare API.
struct BackfillFaults: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backfill",
        abstract: "Back-fill many customers: memory, kill -9 at any point, and the rate beside the bare API's.",
        discussion: """
            First the books are read alone, as a back-fill reads them, then a back-fill runs to its end, then one that is \
            killed again and again at moments of the dice. The shop has no limit of requests.

            EXAMPLE
              swift run -c release faults backfill --customers 20000
            """
    )

    @Option(help: "How many, one order each.")
    var customers = 20_000

    @Option(help: "How often it is killed.")
    var kills = 10

    @Option(help: "The dice. The same seed gives the same plan.")
    var seed: UInt64 = UInt64.random(in: 1...999_999)

    func validate() throws {
        guard (100...1_000_000).contains(customers) else {
            throw ValidationError("--customers must be between 100 and 1000000.")
        }
        guard (0...1000).contains(kills) else { throw ValidationError("--kills must be between 0 and 1000.") }
    }

    func run() async throws {
        try await Programs.build(["ingress", "fulfillment", "gatehouse"])
        print("seed \(seed)")
        try await withSellingSystem(daysAgo: 26, orders: customers) { system, shop in
            try await shop.fill(customers)
            let bare = try await rate { try await readAlone(system) }
            var memory = 0
            let whole = try await rate {
                let process = try await system.launch("backfill", "thrivecart", "--json")
                memory = try await greatestMemory(of: process)
                try await ended(process)
            }
            print("rate                \(whole) customers/s; the bare API: \(bare)/s")
            print("memory              \(memory / 1024) MiB at most, for \(customers) customers")
            try await check(system)
        }
        try await withSellingSystem(daysAgo: 26, orders: customers) { system, shop in
            try await shop.fill(customers)
            let (killed, memory) = try await withKills(system)
            print("killed              \(killed) times, \(memory / 1024) MiB at most")
            try await check(system)
        }
        print("right")
    }

    private func rate(_ work: () async throws -> Void) async throws -> Int {
        let took = try await ContinuousClock().measure { try await work() }
        return Int(Double(customers) / (took / .seconds(1)))
    }

    /// The same questions, one after the other for each page and four at a time for customers, and nothing done.
    private func readAlone(_ system: Gatehouse) async throws {
        let books = ThriveCartAPI(
            key: shopAPIKey,
            mode: .live,
            address: await system.setting("THRIVECART_API_URL") ?? "",
            client: .shared,
            turn: {}
        )
        var page = 1
        while true {
            let rows = try await books.transactions(page: page).rows
            if rows.isEmpty { return }
            var emails = Set(rows.compactMap { BookEntry(row: $0, mode: .live).email }).makeIterator()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    guard let email = emails.next() else { break }
                    group.addTask { _ = try await books.customer(email) }
                }
                while try await group.next() != nil {
                    guard let email = emails.next() else { continue }
                    group.addTask { _ = try await books.customer(email) }
                }
            }
            page += 1
        }
    }

    // MARK: Kills

    /// Each life is some hundred customers long, by the dice.
    private func withKills(_ system: Gatehouse) async throws -> (kills: Int, memory: Int) {
        var random = SeededRandom(seed: seed)
        var (killed, memory) = (0, 0)
        while killed < kills {
            let process = try await system.launch("backfill", "thrivecart", "--json")
            let before = try await members(system)
            let step = Int.random(in: 1...max(2, customers * 2 / (kills + 1)), using: &random)
            while process.isRunning, try await members(system) < before + step {
                memory = max(memory, resident(process))
                try await Task.sleep(for: .milliseconds(Int.random(in: 1...40, using: &random)))
            }
            guard process.isRunning else { break }
            await process.kill()
            killed += 1
            // So that the next one need not wait until the silence is long enough.
            try await system.pool.query("UPDATE reconciliations SET beat_at = now() - interval '1 minute'")
        }
        let last = try await system.launch("backfill", "thrivecart", "--json")
        memory = max(memory, try await greatestMemory(of: last))
        try await ended(last)
        return (killed, memory)
    }

    private func ended(_ process: ServerProcess) async throws {
        guard await process.exit() == .code(0) else { throw WrongEnd(words: process.lastWords) }
    }

    private struct WrongEnd: Error, CustomStringConvertible {
        var words: String
        var description: String { "the back-fill ended wrong: \(words)" }
    }

    /// KiB.
    private func greatestMemory(of process: ServerProcess) async throws -> Int {
        var greatest = 0
        while process.isRunning {
            greatest = max(greatest, resident(process))
            try await Task.sleep(for: .milliseconds(20))
        }
        return greatest
    }

    private func resident(_ process: ServerProcess) -> Int {
        // Because a process that has just ended has no memory to be asked for.
        let status = (try? String(contentsOfFile: "/proc/\(process.pid)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0
    }

    // MARK: What is there in the end

    private func members(_ system: Gatehouse) async throws -> Int {
        try await system.pool.query("SELECT count(*) FROM members").decode(Int.self).first ?? 0
    }

    /// Each once, and nobody was told.
    private func check(_ system: Gatehouse) async throws {
        let row = try await system.pool.query(
            """
            SELECT (SELECT count(*) FROM members), (SELECT count(*) FROM entitlements),
                (SELECT count(*) FROM outbox WHERE type = 'order.paid'),
                (SELECT count(*) FROM outbox WHERE type = 'entitlement.granted'),
                (SELECT count(*) FROM outbox WHERE relayed_at IS NULL OR letters), (SELECT count(*) FROM mails)
            """
        )
        .decode((Int, Int, Int, Int, Int, Int).self)[0]
        guard row == (customers, customers, customers, customers, 0, 0) else {
            print("WRONG               \(row): members, entitlements, paid, granted, told, mails")
            throw ExitCode(1)
        }
    }
}
