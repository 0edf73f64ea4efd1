import Domain
import Foundation
import Jobs
import NIOHTTP1
import Postgres
import Redis
import RenewalJobs
import SandboxKit
import SandboxPages
import Store
import TestKit
import Testing

@Suite(.serialized) struct `Renewals, real processes` {
    /// RENEWAL_COUNT=2000 for the long run.
    @Test func `killed every two seconds, with faults: each period is captured once, each REVOKE had three declines`()
        async throws
    {
        let count = ProcessInfo.processInfo.environment["RENEWAL_COUNT"].flatMap { Int($0) } ?? 120
        try await Cashier.open { cashier in
            let ordeal = try await Ordeal(cashier, count)
            for day in [0, 3, 7] { try await ordeal.pass(day) }
            try await ordeal.end()

            try await ordeal.expectOneCaptureEach()
            try await ordeal.expectThreeDeclinesBeforeEachRevoke()
            // Nobody takes PayPal's events here, so no payment is told.
            try await cashier.expectInvariants(at: .now, butFor: ["I9"])
            #expect(ordeal.kills >= 3)
        }
    }
}

/// What a buyer's bank says in the week after the due day.
private enum Fate: CaseIterable {
    case pays, recoversOnDay3, recoversOnDay7, neverPays

    static func of(_ number: Int) -> Fate {
        switch number % 10 {
        case 0, 1: .neverPays
        case 2: .recoversOnDay3
        case 3: .recoversOnDay7
        default: .pays
        }
    }

    func isDeclined(onDay day: Int) -> Bool {
        switch self {
        case .pays: false
        case .recoversOnDay3: day < 3
        case .recoversOnDay7: day < 7
        case .neverPays: true
        }
    }
}

/// Subscriptions that are all due at once, the processes that charge them, and the shop that hears of it.
private final class Ordeal {
    private let cashier: Cashier
    private let redis: RedisServer
    private let processes: Processes
    private let shop: Receiver
    /// A buyer of each fate, whose vault token all subscriptions of that fate share.
    private var tokens: [Fate: String] = [:]
    private var fates: [VaultSubscription.ID: Fate] = [:]
    private var today = 0

    var kills: Int { processes.kills }
    private var sandbox: PayPalSandbox { cashier.paypal.sandbox }
    private var pool: PostgresPool { cashier.database.pool }

    init(_ cashier: Cashier, _ count: Int) async throws {
        self.cashier = cashier
        shop = try await Receiver.start()
        try await cashier.database.pool.query("UPDATE merchants SET webhooks_url = \(shop.url("/hook"))")
        for fate in Fate.allCases { tokens[fate] = try await cashier.paypal.vaultToken() }
        let due = Date.now - 60
        for number in 0..<count {
            let fate = Fate.of(number)
            fates[try await cashier.subscribe(anchor: due, isTrial: true, token: tokens[fate])] = fate
        }
        redis = try await RedisServer(.init(isDurable: true))
        // What a killed worker held is run again soon: the long run has patience.
        var policy = ChargeRenewal.policy
        policy.lease = count > 500 ? policy.lease : .seconds(6)
        try await JobQueue(redis: try redis.client(), logger: .silent)
            .setPolicy(policy, of: ChargeRenewal.kind, on: ChargeRenewal.queue)
        processes = try await Processes(cashier, redis)
    }

    /// Charges what is due on that day after the first, under fire until nearly all of it is done.
    func pass(_ day: Int) async throws {
        try await age(days: day - today)
        today = day
        let outstanding = try await outstanding()
        setFaults(isQuiet: false)
        _ = try await JobQueue(redis: try redis.client(), logger: .silent).enqueue(SweepDueRenewals())
        try await processes.killUntil(within: .seconds(120 + outstanding / 2)) {
            try await self.outstanding() <= outstanding / 20
        }
        setFaults(isQuiet: true)
        // A job that died with three workers is dead, and lets go of its period: the hour's sweep asks for it anew.
        let queue = JobQueue(redis: try redis.client(), logger: .silent)
        var sweptAt = ContinuousClock.now
        try await eventually(within: .seconds(180)) {
            if ContinuousClock.now - sweptAt > .seconds(5) {
                _ = try await queue.enqueue(SweepDueRenewals())
                sweptAt = .now
            }
            return try await self.outstanding() == 0
        }
    }

    /// What is due, and what nobody knows the outcome of.
    private func outstanding() async throws -> Int {
        try await pool.query(
            """
            SELECT count(*)
            FROM vault_subscriptions s
            WHERE s.next_action_at <= now() + interval '1 hour'
              OR EXISTS (SELECT FROM charge_attempts a WHERE a.subscription = s.id AND a.wake_at IS NOT NULL)
            """
        )
        .decode(Int.self)[0]
    }

    /// Time goes on for everybody: PayPal's clock is put forward, and all that our books know is so much longer ago.
    private func age(days: Int) async throws {
        guard days > 0 else { return }
        sandbox.advance(by: Double(days) * Cashier.day)
        let columns = [
            ("vault_subscriptions", ["anchor_at", "next_action_at", "first_failed_at", "created_at"]),
            ("charge_periods", ["due_at", "created_at", "updated_at"]),
            (
                "charge_attempts",
                ["lease_until", "first_sent_at", "last_sent_at", "probe_at", "wake_at", "settled_at", "created_at"]
            ),
            ("charge_evidence", ["at"]),
        ]
        for (table, names) in columns {
            for name in names {
                try await pool.query(
                    """
                    UPDATE \(identifier: table)
                    SET \(identifier: name) = \(identifier: name) - make_interval(days => \(days)::integer)
                    """
                )
            }
        }
    }

    /// Declines by fate; unless quiet, lost requests, lost answers with the effect, server errors before and after it, and
    /// limits. What loses an answer comes after the declines, so that it takes no money of who is to be declined.
    private func setFaults(isQuiet: Bool) {
        sandbox.clearFaults()
        if !isQuiet {
            for (kind, probability) in [(PayPalFault.Kind.resetBefore, 0.05), (.error, 0.05), (.rateLimit, 0.01)] {
                add(kind, probability) { if kind == .rateLimit { $0.retryAfter = 1 } }
            }
        }
        for (fate, token) in tokens where fate.isDeclined(onDay: today) {
            add(.decline, nil) { $0.contains = token }
        }
        if !isQuiet {
            add(.resetAfter, 0.08) { _ in }
            add(.error, 0.05) { fault in
                fault.after = true
                fault.status = 502
            }
        }
    }

    private func add(_ kind: PayPalFault.Kind, _ probability: Double?, _ change: (inout PayPalFault) -> Void) {
        var fault = PayPalFault(kind, call: "orders.create")
        fault.probability = probability
        fault.seed = 7
        change(&fault)
        sandbox.add(fault)
    }

    /// Everybody has been told.
    func end() async throws {
        let revoked = fates.values.count { $0 == .neverPays }
        try await eventually { Set(self.revokes().map(\.id)).count >= revoked }
        await processes.stop()
        try await shop.stop()
    }

    // MARK: What PayPal's ledger and the shop's record say

    func expectOneCaptureEach() async throws {
        let captures = sandbox.money.filter { $0.kind == .capture }
        let byInvoice = Dictionary(grouping: captures, by: { $0.invoiceID ?? "" })
        #expect(byInvoice.values.allSatisfy { $0.count == 1 })
        let payers = fates.filter { $0.value != .neverPays }.map { "sandbox-\($0.key)-0" }
        #expect(Set(byInvoice.keys) == Set(payers))
    }

    func expectThreeDeclinesBeforeEachRevoke() async throws {
        let revokes = revokes()
        let never = fates.filter { $0.value == .neverPays }.keys
        #expect(Set(revokes.map(\.subscription)) == Set(never.map { "SUB-\($0)" }))
        #expect(Set(revokes.map(\.id)).count == never.count, "each is told as one event, however often it is delivered")
        #expect(revokes.allSatisfy { $0.order == "4711" })

        let declines = try await declines()
        for id in never {
            let times = declines["\(id)"] ?? [:]
            #expect(Set(times.keys) == [1, 2, 3], "\(id)")
            guard let first = times[1], let second = times[2], let third = times[3] else { continue }
            #expect(second.timeIntervalSince(first) > 3 * Cashier.day - 2)
            #expect(third.timeIntervalSince(first) > 7 * Cashier.day - 2)
        }
    }

    /// When PayPal first declined each try, by subscription and number of the try.
    private func declines() async throws -> [String: [Int: Date]] {
        let answer = try await cashier.paypal.ask(.GET, "/_sandbox/requests?call=orders.create&limit=20000")
        var declines: [String: [Int: Date]] = [:]
        for entry in answer.json["requests"]?.values ?? [] where entry["issue"]?.text == "INSTRUMENT_DECLINED" {
            // rn:environment:subscription:period:number:seq
            let parts = (entry["request_id"]?.text ?? "").split(separator: ":")
            guard parts.count == 6, let number = Int(parts[4]),
                let at = try? Date(entry["at"]?.text ?? "", strategy: .iso8601)
            else { continue }
            let known = declines[String(parts[2])]?[number] ?? at
            declines[String(parts[2]), default: [:]][number] = min(known, at)
        }
        return declines
    }

    private struct Revoke {
        var id: String
        var subscription: String
        var order: String
    }

    private func revokes() -> [Revoke] {
        shop.requests(at: "/hook").compactMap { request in
            guard let event = SandboxJSON.read(String(decoding: request.body, as: UTF8.self)),
                event["event_type"]?.text == AccessRevoke.type, case .number(let order)? = event["x_thrive_order_id"]
            else { return nil }
            return Revoke(
                id: event["id"]?.text ?? "",
                subscription: event["resource"]?["subscription_id"]?.text ?? "",
                order: order
            )
        }
    }
}
