import Domain
import Foundation
package import Postgres
package import SandboxPages
import Store

/// The shop's books beside Postgres: every item of every order.
package struct ShopComparison: Sendable {
    package private(set) var differences: [String] = []
    package private(set) var compared = 0

    private struct Row {
        var status: String
        var access: Bool
        var paidThrough: Date?
    }

    package init(of shop: Shop, in pool: PostgresPool) async throws {
        let found = try await pool.query(
            """
            SELECT o.number, i.item_key, e.status, e.access AND (e.next_change_at IS NULL OR e.next_change_at > now()),
                e.paid_through
            FROM entitlements e
            JOIN order_items i ON i.id = e.order_item
            JOIN orders o ON o.id = i.order_id
            """
        )
        var rows: [String: Row] = [:]
        for (order, item, status, access, paidThrough) in try found.decode(
            (String, ItemKey, String, Bool, Date?).self
        ) {
            rows["\(order)/\(item)"] = Row(status: status, access: access, paidThrough: paidThrough)
        }
        for order in await shop.ledger.orders {
            for line in order.items {
                compared += 1
                let name = "\(order.id)/\(line.key)"
                guard let row = rows[name] else {
                    differences.append("\(name): nothing, should be \(line.subscription?.state.rawValue ?? "bought")")
                    continue
                }
                if let wrong = Self.difference(row, line) { differences.append("\(name): \(wrong)") }
            }
        }
    }

    private static func difference(_ row: Row, _ line: OrderedItem) -> String? {
        let now = Date()
        let (statuses, access, paidThrough): (Set<String>, Bool, Date?)
        if line.refunded >= line.paid, line.paid > 0 {
            (statuses, access, paidThrough) = (["refunded"], false, line.subscription?.paidUntil)
        } else if let own = line.subscription {
            let isPaid = now < own.paidUntil
            // A week of grace after a decline is no longer than a week of slack after silence.
            let isKept = now < own.paidUntil.addingTimeInterval(7 * 86_400)
            switch own.state {
            case .completed: (statuses, access, paidThrough) = (["completed"], true, nil)
            case .canceled: (statuses, access, paidThrough) = ([isPaid ? "ending" : "ended"], isPaid, own.paidUntil)
            case .paused: (statuses, access, paidThrough) = (["paused"], isPaid, own.paidUntil)
            case .trialing, .active, .pastDue:
                (statuses, access, paidThrough) = (["active", "past_due", "ended"], isKept, own.paidUntil)
            }
        } else {
            (statuses, access, paidThrough) = (["active"], true, nil)
        }
        // A payment may be entered some seconds after it was due.
        let slip: TimeInterval = 60
        let isSamePeriod: Bool =
            switch (row.paidThrough, paidThrough) {
            case (let left?, let right?): abs(left.timeIntervalSince(right)) <= slip
            case (nil, nil): true
            default: statuses == ["completed"]
            }
        if statuses.contains(row.status), row.access == access, isSamePeriod { return nil }
        return "\(row.status) \(row.access) \(row.paidThrough.map { "\($0)" } ?? "-"), "
            + "should be \(statuses.sorted()) \(access) \(paidThrough.map { "\($0)" } ?? "-")"
    }
}
