internal import Domain
internal import Foundation
internal import ThriveCart

/// The books that a seller's ThriveCart account shows by its read API: a row for all money that moved, newest first.
///
/// Filled by what happens in the shop. What the real one has not, neither has this: no row for a decline, a pause or a
/// resume, no filter by date, and a row's subscription status is today's, not that of the row's day.
package actor SellersBooks {
    /// What the read API does that it should not.
    package struct Faults: Sendable, Hashable, Codable {
        /// More are refused with 429; 0 is without a limit.
        package var requestsPerMinute = 60
        /// 503 for every request.
        package var isDown = false
        /// Every page of transactions is empty.
        package var isEmpty = false
        /// 404 for every customer.
        package var isForgetful = false

        package init() {}

        /// What is left out is as it is in a healthy account.
        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            requestsPerMinute = try container.decodeIfPresent(Int.self, forKey: .requestsPerMinute) ?? 60
            isDown = try container.decodeIfPresent(Bool.self, forKey: .isDown) ?? false
            isEmpty = try container.decodeIfPresent(Bool.self, forKey: .isEmpty) ?? false
            isForgetful = try container.decodeIfPresent(Bool.self, forKey: .isForgetful) ?? false
        }
    }

    struct Row: Sendable {
        enum Kind: String { case charge, rebill, refund, cancel }

        var record: String
        var kind: Kind
        var order: String
        var item: ItemKey
        var amount: Int64
        var at: Date
    }

    package private(set) var faults = Faults()
    /// Requests since the start, refused ones too.
    package private(set) var requests = 0
    /// By time, the oldest first, apart for each mode.
    private var rows: [Mode: [Row]] = [:]
    private var orders: [String: ShopOrder] = [:]
    private var rowsOfOrder: [String: [Row]] = [:]
    private var ordersOfBuyer: [String: [String]] = [:]
    private var lately: [ContinuousClock.Instant] = []

    package init() {}

    package func setFaults(_ faults: Faults) {
        self.faults = faults
        lately = []
    }

    /// Closes the books and opens new ones.
    package func forget() {
        rows = [:]
        orders = [:]
        rowsOfOrder = [:]
        ordersOfBuyer = [:]
    }

    /// Counts a request; false when the account has had its number for this minute.
    func admit() -> Bool {
        requests += 1
        guard faults.requestsPerMinute > 0 else { return true }
        let now = ContinuousClock.now
        lately.removeAll { now - $0 >= .seconds(60) }
        guard lately.count < faults.requestsPerMinute else { return false }
        lately.append(now)
        return true
    }

    // MARK: What is entered

    package func enter(_ events: [ShopEvent]) {
        for event in events {
            if orders.updateValue(event.order, forKey: event.order.id) == nil {
                ordersOfBuyer[Self.name(event.order.buyer.email), default: []].append(event.order.id)
            }
            for row in Self.rows(for: event) { insert(row, event.order.mode) }
        }
    }

    private func insert(_ row: Row, _ mode: Mode) {
        var list = rows[mode] ?? []
        rows[mode] = nil  // so that there is one copy, which is changed in place
        var place = list.count
        while place > 0, list[place - 1].at > row.at { place -= 1 }
        list.insert(row, at: place)
        rows[mode] = list
        rowsOfOrder[row.order, default: []].append(row)
    }

    /// One row an item and movement; a sale of three items has three.
    private static func rows(for event: ShopEvent) -> [Row] {
        func row(_ kind: Row.Kind, _ item: OrderedItem, _ amount: Int64, _ record: String) -> Row {
            Row(record: record, kind: kind, order: event.order.id, item: item.key, amount: amount, at: event.occurredAt)
        }
        guard let item = event.item else {
            return event.order.items.enumerated().map { index, item in
                // A digit more than any record has: no other row has that number.
                row(.charge, item, item.plan.dueNow, index == 0 ? event.recordID : "\(event.recordID)\(index)")
            }
        }
        switch event.kind {
        case .payment: return [row(.rebill, item, item.plan.price, event.recordID)]
        case .refund(let amount): return [row(.refund, item, amount, event.recordID)]
        case .cancellation: return [row(.cancel, item, 0, event.recordID)]
        case .sale, .decline, .completion, .pause, .resume: return []
        }
    }

    static func name(_ email: String) -> String { EmailAddress(email)?.normalized ?? email }

    // MARK: What is read

    func page(
        _ page: Int,
        of size: Int,
        _ mode: Mode,
        kind: Row.Kind?,
        search: String
    ) -> (rows: [PostValue], total: Int) {
        if faults.isEmpty { return ([], rows[mode]?.count ?? 0) }
        var list = (rows[mode] ?? [])[...]
        if kind != nil || !search.isEmpty {
            list = list.filter { row in (kind == nil || row.kind == kind) && matches(row, search.lowercased()) }[...]
        }
        let (skipped, overflow) = max(0, page - 1).multipliedReportingOverflow(by: size)
        guard !overflow, skipped < list.count else { return ([], list.count) }
        return (list.dropLast(skipped).suffix(size).reversed().compactMap(value), list.count)
    }

    private func matches(_ row: Row, _ text: String) -> Bool {
        guard !text.isEmpty, let order = orders[row.order] else { return text.isEmpty }
        return order.buyer.email.lowercased().contains(text) || order.id.contains(text)
            || "\(order.buyer.firstName) \(order.buyer.lastName)".lowercased().contains(text)
    }

    private func value(_ row: Row) -> PostValue? {
        guard let order = orders[row.order], let item = order[row.item] else { return nil }
        return BookPages.row(row, of: item, in: order)
    }

    /// Nil where the account knows of no order by this address.
    func customer(_ email: String, _ mode: Mode) -> PostValue? {
        guard !faults.isForgetful else { return nil }
        let found = (ordersOfBuyer[Self.name(email)] ?? []).compactMap { orders[$0] }.filter { $0.mode == mode }
        return found.isEmpty ? nil : BookPages.customer(found, rowsOfOrder)
    }
}
