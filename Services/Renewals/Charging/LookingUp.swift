import Domain
import Foundation
import PayPal
import Store

// What became of a charge that nobody could tell: by its order, else by PayPal's books.

extension RenewalDependencies {
    func look(
        _ attempt: ChargeAttempt,
        of renewal: LockedRenewal,
        at now: Date
    ) async -> (ChargeFinding, PayPalTrace) {
        if let orderID = attempt.orderID {
            let reply = await paypal.order(orderID, of: renewal.merchantPayPalID)
            switch reply {
            case .answered(let order, let trace) where !order.captures.isEmpty:
                let outcome = PayPalClient.outcome(of: order, isReplay: true, trace: trace)
                if case .fact(let fact) = ChargeAnswer(outcome) { return (.fact(fact), trace) }
            case .unavailable(let outage), .unknown(let outage): return (.unavailable, outage.trace)
            case .answered, .rejected: break
            }
        }
        guard options.searchesTransactions, let first = attempt.firstSentAt else { return (.unable, PayPalTrace()) }
        return await search(attempt, of: renewal, from: first - 300, at: now)
    }

    private func search(
        _ attempt: ChargeAttempt,
        of renewal: LockedRenewal,
        from start: Date,
        at now: Date
    ) async -> (ChargeFinding, PayPalTrace) {
        let invoice = renewal.names.invoiceID(period: attempt.key.period)
        let custom = renewal.names.customID(attempt.key)
        let end = min(now, (attempt.lastSentAt ?? start) + 2 * 86_400)
        var refreshed = now - 3 * 3600
        var trace = PayPalTrace()
        for window in ReportWindow.split(from: start, to: end) {
            var page = 1
            while true {
                let reply = await paypal.transactions(in: window, page: page)
                trace = reply.trace
                guard let found = reply.value else { return (.unavailable, trace) }
                for transaction in found.transactions {
                    if let fact = Self.fact(transaction["transaction_info"], invoice, custom) {
                        return (.fact(fact), trace)
                    }
                }
                if let text = found.lastRefreshed, let date = try? Date(text, strategy: .iso8601) {
                    // Because without PayPal's word the usual delay of three hours is taken.
                    refreshed = min(refreshed, date)
                }
                guard page < found.totalPages else { break }
                page += 1
            }
        }
        return (.nothing(until: min(refreshed, end)), trace)
    }

    /// S is done, P is being decided about; D was declined and V taken back: neither holds money.
    private static func fact(_ info: JSON, _ invoice: String, _ custom: String) -> ChargeFact? {
        guard info["invoice_id"].string == invoice, info["custom_field"].string == custom,
            let id = info["transaction_id"].string
        else { return nil }
        switch info["transaction_status"].string {
        case "S": return .captured(id: id, order: nil)
        case "P": return .settling(order: nil)
        default: return nil
        }
    }
}
