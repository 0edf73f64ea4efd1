import Domain
import Foundation
import Store

extension Desk {
    /// Brings what members have in line with what was just changed, and shows how far it has come.
    ///
    /// Comes after the commit of the change. Harmless to repeat, so an interrupted command is simply run again.
    /// - Parameter items: only orders that hold one of these; nil is all orders.
    func rederive(_ site: Site, holding items: Set<ItemKey>? = nil, because action: String, at now: Date) async throws {
        let store = try store
        let total = try await store.read { try $0.orderCount(of: site.id) }
        let progress = ProgressLine("looking at orders")
        var last: Order.ID?
        var seen = 0
        repeat {
            progress.show(min(seen, total), of: total)
            let before = last
            last = try await store.transaction { transaction in
                try transaction.rederive(
                    site.id,
                    holding: items,
                    after: before,
                    limit: Self.ordersAtOnce,
                    Cause(.byOperator, action, at: now)
                )
            }
            seen += Self.ordersAtOnce
        } while last != nil
        progress.finish()
    }

    private static let ordersAtOnce = 100
}
