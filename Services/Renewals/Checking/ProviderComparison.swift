import Domain
import Foundation
import PayPal
import Postgres
import Store

/// PayPal's word on what our books say was paid.
struct ProviderComparison: Sendable {
    let store: Store
    let paypal: PayPalClient

    struct Result {
        var violations: [InvariantViolation] = []
        var note: String?
    }

    // MARK: By look-up: what we think was paid

    /// Asks for the captures of periods that were paid from `start` to `end`, at most `limit` of them, drawn by lot.
    func lookUp(from start: Date, to end: Date, limit: Int) async throws -> Result {
        let (payments, total) = try await store.read { transaction in
            (
                try transaction.periodPayments(from: start, to: end, limit: limit),
                try transaction.periodPayments(from: start, to: end)
            )
        }
        var result = Result()
        var compared = 0
        var silence = 0
        for payment in payments {
            switch await paypal.capture(payment.captureID, of: payment.merchantPayPalID) {
            case .answered(let capture, _):
                (compared, silence) = (compared + 1, 0)
                if let detail = Self.difference(capture, payment) {
                    result.violations.append(Self.violation(payment, detail))
                }
            case .rejected(let rejection)
            where rejection.has("RESOURCE_NOT_FOUND") || rejection.has("INVALID_RESOURCE_ID"):
                (compared, silence) = (compared + 1, 0)
                result.violations.append(Self.violation(payment, "PayPal has no capture \(payment.captureID)"))
            case .rejected, .unavailable, .unknown:
                // Because a merchant who has left, or PayPal's own trouble, is no difference; several in a row end it.
                silence += 1
            }
            if silence >= Self.patience { break }
        }
        result.note = "\(compared) of \(total) payments looked up" + (silence > 0 ? ", PayPal did not answer all" : "")
        return result
    }

    private static let patience = 5

    /// What PayPal says otherwise; nil where it says the same.
    private static func difference(_ capture: CaptureAnswer, _ payment: PeriodPayment) -> String? {
        let id = payment.captureID
        switch capture.status {
        case "PENDING", "DECLINED", "FAILED": return "PayPal says that capture \(id) is \(capture.status)"
        // Because a word that we don't know is no reason to charge nobody.
        default: break
        }
        if let amount = capture.amount, amount != payment.amount {
            return "PayPal captured \(amount) with \(id), booked is \(payment.amount)"
        }
        if let invoice = capture.invoiceID, invoice != payment.invoiceID {
            return "PayPal says that capture \(id) pays \(invoice)"
        }
        return nil
    }

    private static func violation(_ payment: PeriodPayment, _ detail: String) -> InvariantViolation {
        InvariantViolation(
            invariant: "PayPal",
            subscription: payment.subscription,
            period: payment.period,
            detail: detail
        )
    }

    // MARK: By search: what we may not know of

    /// Reads the merchants' transactions of a span: an invoice of ours that was paid twice, or that counts as unpaid.
    func search(from start: Date, to end: Date) async throws -> Result {
        var paid: [Paid] = []
        var silent = 0
        for merchant in try await store.read({ try $0.merchantsCharged(since: start) }) {
            let search = await TransactionSearch(paypal: paypal, merchant: merchant).find(from: start, to: end) {
                info -> Paid? in
                guard let invoice = info["invoice_id"].string, info["transaction_status"].string == "S",
                    let id = info["transaction_id"].string,
                    info["transaction_event_code"].string?.hasPrefix("T00") == true
                else { return nil }
                return Paid(invoice: invoice, id: id)
            }
            if search.found == nil { silent += 1 }
            paid += search.found ?? []
        }
        let byInvoice = Dictionary(grouping: Set(paid), by: \.invoice)
        let ours = try await store.read { try $0.chargedInvoices(among: Array(byInvoice.keys)) }
        var result = Result(note: "\(ours.count) invoices found by search")
        if silent > 0 { result.note? += ", \(silent) merchants could not be searched" }
        for invoice in ours {
            let ids = (byInvoice[invoice.id] ?? []).map(\.id).sorted()
            let detail: String? =
                if ids.count > 1 {
                    "PayPal captured \(invoice.id) \(ids.count) times: \(ids.joined(separator: ", "))"
                } else if invoice.isPaid, invoice.captureID == nil || invoice.captureID == ids.first {
                    nil
                } else if invoice.isOpen {
                    nil  // the answer is on its way
                } else {
                    "PayPal captured \(invoice.id) with \(ids.first ?? "-"), booked is \(invoice.captureID ?? "nothing")"
                }
            guard let detail else { continue }
            result.violations.append(
                InvariantViolation(
                    invariant: "PayPal",
                    subscription: invoice.subscription,
                    period: invoice.period,
                    detail: detail
                )
            )
        }
        return result
    }

    private struct Paid: Hashable {
        var invoice: String
        var id: String
    }
}
