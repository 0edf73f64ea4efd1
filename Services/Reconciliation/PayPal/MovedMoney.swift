import Domain
import Foundation
import PayPal
import Store

/// A line of PayPal's transaction search, as far as it may be ours.
struct MoneyRow: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        case capture(order: String?)
        case refund(capture: String)
        /// The bank took it back. PayPal's search names no document of it.
        case reversal(capture: String)
    }

    var id: String
    var kind: Kind
    var customID: String?
    /// As PayPal's search has it: money that went out is below zero.
    var amount: JSON
    var time: String?

    /// Nil for what is neither a payment nor money back, or did not happen: fees, holds, transfers, what was denied.
    init?(_ transaction: JSON) {
        let info = transaction["transaction_info"]
        guard let id = info["transaction_id"].string, let code = info["transaction_event_code"].string,
            ["S", "P"].contains(info["transaction_status"].string)
        else { return nil }
        let reference = info["paypal_reference_id"].string
        let isOrder = info["paypal_reference_id_type"].string == "ODR"
        self.id = id
        customID = info["custom_field"].string
        amount = info["transaction_amount"]
        time = info["transaction_initiation_date"].string
        // Source: PayPal, "Transaction event codes".
        switch (code, reference) {
        case ("T1107", let capture?): kind = .refund(capture: capture)
        case ("T1106", let capture?), ("T1201", let capture?): kind = .reversal(capture: capture)
        case (let code, _) where code.hasPrefix("T00"): kind = .capture(order: isOrder ? reference : nil)
        default: return nil
        }
    }

    var isPayment: Bool {
        if case .capture = kind { true } else { false }
    }

    /// The capture that it is, or is about.
    var capture: String {
        switch kind {
        case .capture: id
        case .refund(let capture), .reversal(let capture): capture
        }
    }
}

extension PayPalComparison {
    /// Compares the money that moved on a merchant's account with our captures, refunds and charges.
    ///
    /// PayPal's books are up to three hours behind; of what is younger they say nothing, and nothing is concluded.
    func compareMoney(of merchant: Merchant, from start: Date, to end: Date) async throws -> Reconciliation.Counts {
        var counts = Reconciliation.Counts()
        var windows = Array(ReportWindow.split(from: start, to: end).reversed())
        while let window = windows.popLast() {
            switch try await compareMoney(of: merchant, in: window, &counts) {
            case .read(let shown, let refreshed):
                let missing = try await store.read { transaction in
                    try transaction.payPalCaptures(
                        takenFrom: window.start,
                        to: min(window.end, refreshed),
                        of: merchant.id
                    )
                    .filter { !shown.contains($0) }
                }
                for capture in missing { counts.count(try await look(forOurs: capture, of: merchant)) }
            case .tooMuch:
                guard let halves = window.halves else {
                    let reason = "PayPal shows no more than 10 000 transactions at \(window.start.formatted(.iso8601))"
                    counts.count(try await note(.search, Self.search(merchant), of: merchant, .person, reason))
                    return counts
                }
                windows += halves.reversed()
            case .refused(let rejection):
                let reason = "PayPal does not show us the account's transactions (\(rejection.status))"
                counts.count(try await note(.search, Self.search(merchant), of: merchant, .person, reason))
                return counts
            case .notReady: break
            }
        }
        try await settle(Self.search(merchant))
        return counts
    }

    private enum Reading {
        /// The captures that the books name, and until when they are complete.
        case read(Set<String>, until: Date)
        case tooMuch
        case refused(PayPalRejection)
        /// All of it is later than what PayPal has ready.
        case notReady
    }

    private func compareMoney(
        of merchant: Merchant,
        in window: ReportWindow,
        _ counts: inout Reconciliation.Counts
    ) async throws -> Reading {
        var shown: Set<String> = []
        // Without PayPal's word the usual delay is taken.
        var refreshed = now().addingTimeInterval(-Self.delay)
        var page = 1
        while true {
            try Task.checkCancellation()
            let reply = try await ask { [page] in await $0.transactions(in: window, of: merchant.payPalID, page: page) }
            switch reply {
            case .refused(let rejection) where rejection.has("RESULTSET_TOO_LARGE"):
                return .tooMuch
            case .refused(let rejection)
            where rejection.has("INVALID_REQUEST") && rejection.status == 400 && window.start > Self.ready(at: now()):
                return .notReady
            case .refused(let rejection):
                return .refused(rejection)
            case .answered(let found):
                if let told = found.lastRefreshed.flatMap(PayPalTime.read) { refreshed = min(refreshed, told) }
                let rows = found.transactions.compactMap(MoneyRow.init)
                shown.formUnion(rows.map(\.capture))
                counts.add(try await look(at: rows, of: merchant))
                guard page < found.totalPages, !found.transactions.isEmpty else {
                    return .read(shown, until: refreshed)
                }
                page += 1
            }
        }
    }

    private static let delay: TimeInterval = 3 * 3600
    /// What began earlier is shown, however late PayPal is.
    private static func ready(at now: Date) -> Date { now.addingTimeInterval(-86_400) }
    private static func search(_ merchant: Merchant) -> String { "search/\(merchant.id)" }

    // MARK: A page

    /// What we hold of what a page names.
    private struct Ledger: Sendable {
        var orders: Set<String>
        var captures: [String: PayPalCapture.Status]
        var refunds: [String: PayPalRefund.Status]
    }

    private func look(at rows: [MoneyRow], of merchant: Merchant) async throws -> Reconciliation.Counts {
        var counts = Reconciliation.Counts()
        counts.rows = rows.count
        // What was paid comes first: whether money back is ours is known by the payment.
        for isPayment in [true, false] {
            let some = rows.filter { $0.isPayment == isPayment }
            let ledger = try await ledger(of: some, merchant)
            for row in some {
                guard try await isOurs(row, ledger), !Self.isKnown(row, in: ledger) else {
                    if case .reversal = row.kind, let told = PayPalFinding(reversal: row, of: merchant) {
                        try await settle(told.key, "PayPal's event came")
                    }
                    counts.agreed += 1
                    continue
                }
                counts.count(try await heal(row, of: merchant))
            }
        }
        return counts
    }

    private func ledger(of rows: [MoneyRow], _ merchant: Merchant) async throws -> Ledger {
        let orders = rows.compactMap { row in
            if case .capture(let order) = row.kind { order } else { nil }
        }
        return try await store.read { transaction in
            Ledger(
                orders: try transaction.payPalOrders(among: orders, of: merchant.id),
                captures: try transaction.payPalCaptures(among: rows.map(\.capture), of: merchant.id),
                refunds: try transaction.payPalRefunds(among: rows.map(\.id), of: merchant.id)
            )
        }
    }

    /// A merchant also sells elsewhere: only what was paid through us is compared.
    private func isOurs(_ row: MoneyRow, _ ledger: Ledger) async throws -> Bool {
        if ledger.captures[row.capture] != nil { return true }
        if case .capture(let order?) = row.kind, ledger.orders.contains(order) { return true }
        // A charge whose order's number never reached us carries our own name of it.
        guard let id = row.customID.flatMap({ ChargeNames.subscription(inCustomID: $0) }),
            let subscription = VaultSubscription.ID(id)
        else { return false }
        return try await store.read { try $0.vaultSubscription(subscription) } != nil
    }

    private static func isKnown(_ row: MoneyRow, in ledger: Ledger) -> Bool {
        switch row.kind {
        case .capture: ledger.captures[row.id].map { $0 != .pending } ?? false
        case .refund: ledger.refunds[row.id].map { $0 != .pending } ?? false
        case .reversal: ledger.captures[row.capture] == .reversed || ledger.refunds[row.id] != nil
        }
    }

    private func heal(_ row: MoneyRow, of merchant: Merchant) async throws -> Outcome {
        switch row.kind {
        case .capture(let order):
            guard let capture = try await ask({ await $0.capture(row.id, of: merchant.payPalID) }).value else {
                return try await unknown(.capture, row, of: merchant)
            }
            guard let finding = PayPalFinding(capture, of: merchant, order: order) else {
                return try await unknown(.capture, row, of: merchant)
            }
            return try await heal(finding)
        case .refund(let capture):
            guard let refund = try await ask({ await $0.refund(row.id, of: merchant.payPalID) }).value,
                let finding = PayPalFinding(refund, of: merchant, capture: capture)
            else { return try await unknown(.refund, row, of: merchant) }
            return try await heal(finding)
        case .reversal:
            guard let finding = PayPalFinding(reversal: row, of: merchant) else {
                return try await unknown(.refund, row, of: merchant)
            }
            return try await leave(
                finding,
                """
                the bank took back capture \(row.capture), and PayPal sent no event of it: look at it in the \
                merchant's account, then heal this to take access away, or ignore it
                """
            )
        }
    }

    /// Two books of PayPal's contradict each other.
    private func unknown(_ kind: Discrepancy.Kind, _ row: MoneyRow, of merchant: Merchant) async throws -> Outcome {
        let reason = "PayPal's transactions name \(row.id), and PayPal does not know it"
        return try await note(kind, "money/\(row.id)", of: merchant, .person, reason)
    }

    // MARK: The other way round

    /// A capture that we hold as paid and that PayPal's transactions do not show. Nothing is taken away by it.
    func look(forOurs capture: String, of merchant: Merchant) async throws -> Outcome {
        let name = "ours/\(capture)"
        if try await ask({ await $0.capture(capture, of: merchant.payPalID) }).value != nil {
            try await settle(name)
            return .agreed
        }
        return try await note(.capture, name, of: merchant, .person, "PayPal does not know capture \(capture)")
    }
}
