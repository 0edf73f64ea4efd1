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
            case .rejected(let rejection) where rejection.isMute: return (.unavailable, rejection.trace)
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
        let custom = renewal.customID(attempt.key)
        let end = min(now, (attempt.lastSentAt ?? start) + 2 * 86_400)
        let search = await TransactionSearch(paypal: paypal, merchant: renewal.merchantPayPalID).find(
            from: start,
            to: end
        ) { info in
            Self.fact(info, invoice, custom)
        }
        guard let facts = search.found else { return (search.isRefused ? .unable : .unavailable, search.trace) }
        if let fact = facts.first { return (.fact(fact), search.trace) }
        // Without PayPal's word the usual delay of three hours is taken.
        let refreshed = min(now - 3 * 3600, search.refreshed ?? .distantFuture)
        return (.nothing(until: min(refreshed, end)), search.trace)
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
