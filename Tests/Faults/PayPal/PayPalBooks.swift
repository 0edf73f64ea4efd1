import Foundation
import Postgres
import Sealing
import TestKit

/// Compares what Postgres says of PayPal's payments, and what the shops were told, with the harness's own record.
package struct PayPalBooks: Sendable {
    /// What was found wrong, a line a finding; empty is good.
    package private(set) var findings: [String] = []
    package private(set) var lost = 0
    package private(set) var duplicated = 0
    package private(set) var unexpected = 0
    package let payments: Int
    package let events: Int
    /// Different things that shops were told, and how many posts that took.
    package private(set) var told = 0
    package let posts: Int
    package let notificationsKilled: Int

    package var areRight: Bool { findings.isEmpty }

    private struct Kept {
        var captures: [String: String] = [:]
        var refunds: [String: Int64] = [:]
        /// Status, and whether there is a vault token.
        var subscriptions: [String: (String, Bool)] = [:]
        var events: [String: String] = [:]
        var forwards: [String: Int64] = [:]
    }

    init(
        of lives: [PayPalLife],
        told requests: [Receiver.Request],
        secrets: [String],
        toldTooEarly: Int,
        notificationsKilled: Int,
        in pool: PostgresPool
    ) async throws {
        payments = lives.count
        events = lives.reduce(0) { $0 + $1.events.count }
        posts = requests.count
        self.notificationsKilled = notificationsKilled
        let rows = try await Self.rows(in: pool)
        var posted: [String: [Receiver.Request]] = [:]
        for request in requests {
            guard let id = Self.event(in: request.body) else {
                unexpected += 1
                findings.append("a shop got a body without an event")
                continue
            }
            posted[id, default: []].append(request)
        }
        for life in lives {
            compare(life, rows)
            for (news, events) in Dictionary(grouping: life.events, by: \.news) {
                check(events, of: news, life, rows, posted, secrets)
            }
        }
        if toldTooEarly > 0 {
            lost += toldTooEarly
            findings.append("\(toldTooEarly) refunds were told before their payment method was deleted")
        }
        let known = Set(lives.flatMap(\.events).map(\.id))
        for id in rows.events.keys where !known.contains(id) {
            unexpected += 1
            findings.append("an event that PayPal never sent: \(id)")
        }
        for id in posted.keys where !known.contains(id) {
            unexpected += 1
            findings.append("a shop was told what PayPal never sent: \(id)")
        }
    }

    private mutating func compare(_ life: PayPalLife, _ rows: Kept) {
        let status = rows.captures[life.captureID] ?? "none"
        if status != life.captureStatus { miss("\(life.captureID) is \(status), should be \(life.captureStatus)") }
        let refunds = rows.refunds[life.captureID] ?? 0
        let wanted: Int64 = life.end == .refunded ? 1 : 0
        if refunds < wanted { miss("\(life.captureID) has no refund") }
        if refunds > wanted { exceed("\(life.captureID) has \(refunds) refunds") }
        for event in life.events where !["applied", "ignored"].contains(rows.events[event.id] ?? "none") {
            miss("event \(event.id) is \(rows.events[event.id] ?? "none")")
        }
        guard life.subscription != nil, let (state, hasToken) = rows.subscriptions["SUB\(life.number)"] else { return }
        let isOver = life.end == .refunded
        if state != (isOver ? "canceled" : "active") || hasToken == isOver {
            miss("SUB\(life.number) is \(state) \(hasToken ? "with" : "without") a token after \(life.end)")
        }
    }

    /// Of events that tell the same, one is staged and told, once at least, as PayPal wrote it.
    private mutating func check(
        _ events: [PayPalLife.Event],
        of news: String,
        _ life: PayPalLife,
        _ rows: Kept,
        _ posted: [String: [Receiver.Request]],
        _ secrets: [String]
    ) {
        let staged = events.reduce(0) { $0 + (rows.forwards[$1.id] ?? 0) }
        if staged < 1 { miss("\(news): nobody is to be told") }
        if staged > 1 { exceed("\(news): \(staged) messages") }
        let heard = events.filter { posted[$0.id] != nil }
        told += heard.count
        if heard.isEmpty { miss("\(news): the shop was never told") }
        if heard.count > 1 { exceed("\(news): told under \(heard.count) ids") }
        for event in heard {
            let body =
                event.isAnnotated
                ? event.body.dropLast() + #","x_thrive_order_id":\#(life.thriveOrderID)}"# : event.body[...]
            for request in posted[event.id] ?? [] {
                let code = Digest.hex(Digest.hmacSHA256(request.body, key: Array(secrets[life.shop].utf8)))
                if request.path != "/\(life.shop)" || request.body != Array(body.utf8)
                    || request.headers["x-thrive-webhook-signature"] != code
                {
                    unexpected += 1
                    findings.append("event \(event.id) came wrong to \(request.path)")
                }
            }
        }
    }

    private mutating func miss(_ what: String) {
        lost += 1
        findings.append(what)
    }

    private mutating func exceed(_ what: String) {
        duplicated += 1
        findings.append(what)
    }

    /// The first id in a body, which is the event's.
    static func event(in body: [UInt8]) -> String? {
        String(decoding: body.prefix(200), as: UTF8.self).firstMatch(of: /^\{"id":"([^"]+)"/).map { String($0.1) }
    }

    // MARK: What Postgres says

    private static func rows(in pool: PostgresPool) async throws -> Kept {
        var rows = Kept()
        rows.captures = try await pairs(pool.query("SELECT id, status FROM paypal_captures"))
        rows.events = try await pairs(pool.query("SELECT id, status FROM paypal_events"))
        rows.refunds = try await pairs(pool.query("SELECT capture, count(*) FROM paypal_refunds GROUP BY capture"))
        rows.forwards = try await pairs(pool.query("SELECT event, count(*) FROM forwards GROUP BY event"))
        let found = try await pool.query("SELECT paypal_id, status, vault_token IS NOT NULL FROM vault_subscriptions")
        for (id, status, hasToken) in try found.decode((String, String, Bool).self) {
            rows.subscriptions[id] = (status, hasToken)
        }
        return rows
    }

    private static func pairs<Value: PostgresValue>(_ rows: Rows) throws -> [String: Value] {
        Dictionary(try rows.decode((String, Value).self).map { ($0.0, $0.1) }) { first, _ in first }
    }
}
