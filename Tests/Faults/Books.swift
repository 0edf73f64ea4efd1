import Foundation
package import Postgres

/// Compares what Postgres says with the harness's own record.
package struct Books: Sendable {
    /// What was found wrong, a line a finding; empty is good.
    package private(set) var findings: [String] = []
    package private(set) var lost = 0
    package private(set) var duplicated = 0
    package private(set) var unexpected = 0

    package var areRight: Bool { findings.isEmpty }

    private struct Row {
        var status: String
        var access: Bool
        var paidThrough: Date?
        var payments: Int64
        var failures: Int64
        var refunds: Int64
        var messages: [String: Int64]
    }

    /// - Parameters:
    ///   - lives: everything that was accepted.
    ///   - site: the slug of the site that the webhooks went to.
    package init(of lives: [Life], site: String, in pool: PostgresPool) async throws {
        let rows = try await Self.rows(of: site, in: pool)
        for life in lives {
            guard let row = rows[life.email] else {
                lost += 1
                findings.append("order \(life.order): \(life.steps.count) webhooks accepted, no entitlement")
                continue
            }
            compare(row, with: life)
        }
        let known = Set(lives.map(\.email))
        for email in rows.keys where !known.contains(email) {
            unexpected += 1
            findings.append("a member nobody bought for: \(email)")
        }
    }

    private mutating func compare(_ row: Row, with life: Life) {
        check(row.payments, life.renewals, "payments", life)
        check(row.failures, life.declines, "failures", life)
        check(row.refunds, life.steps.contains(.fullRefund) ? 1 : 0, "refunds", life)
        check(row.messages["order.paid"] ?? 0, 1, "messages order.paid", life)
        check(row.messages["subscription.renewed"] ?? 0, life.renewals, "messages subscription.renewed", life)
        check(
            row.messages["order.refunded"] ?? 0,
            life.steps.contains(.fullRefund) ? 1 : 0,
            "messages order.refunded",
            life
        )
        check(row.messages["member.created"] ?? 0, 1, "messages member.created", life)
        let paidThrough = row.paidThrough.map { Int($0.timeIntervalSince1970) }
        if row.status != life.status || row.access != life.hasAccess || paidThrough != life.paidThrough {
            lost += 1
            findings.append(
                "order \(life.order): \(row.status), paid through \(paidThrough ?? 0); "
                    + "should be \(life.status), \(life.paidThrough)"
            )
        }
    }

    private mutating func check(_ found: Int64, _ expected: Int, _ what: String, _ life: Life) {
        guard Int(found) != expected else { return }
        if found < expected { lost += 1 } else { duplicated += 1 }
        findings.append("order \(life.order): \(found) \(what), should be \(expected)")
    }
}

// MARK: What Postgres says

extension Books {
    private static func rows(of site: String, in pool: PostgresPool) async throws -> [String: Row] {
        let found = try await pool.query(
            """
            SELECT m.email, e.status, e.access, e.paid_through,
                (SELECT count(*) FROM order_payments p WHERE p.order_item = e.order_item),
                (SELECT count(*) FROM order_failures f WHERE f.order_item = e.order_item),
                (SELECT count(*) FROM order_refunds r WHERE r.order_item = e.order_item)
            FROM members m
            JOIN sites s ON s.id = m.site
            LEFT JOIN entitlements e ON e.member = m.id
            WHERE s.slug = \(site)
            """
        )
        var rows: [String: Row] = [:]
        for (email, status, access, paidThrough, payments, failures, refunds) in try found.decode(
            (String, String?, Bool?, Date?, Int64, Int64, Int64).self
        ) {
            rows[email] = Row(
                status: status ?? "no entitlement",
                access: access ?? false,
                paidThrough: paidThrough,
                payments: payments,
                failures: failures,
                refunds: refunds,
                messages: [:]
            )
        }
        let messages = try await pool.query(
            """
            SELECT m.email, o.type, count(*)
            FROM outbox o
            JOIN members m ON m.id = o.member
            JOIN sites s ON s.id = o.site
            WHERE s.slug = \(site)
            GROUP BY m.email, o.type
            """
        )
        for (email, type, count) in try messages.decode((String, String, Int64).self) {
            rows[email]?.messages[type] = count
        }
        return rows
    }
}
