import Foundation
import PayPal

/// A merchant's transactions of a span of time, all pages, in windows that PayPal takes.
struct TransactionSearch: Sendable {
    let paypal: PayPalClient
    /// PayPal's id of the merchant: the partner's own account has none of what merchants capture.
    let merchant: String

    struct Answer<Match: Sendable>: Sendable {
        /// Nil when PayPal could not be asked to the end.
        var found: [Match]?
        /// PayPal does not let us search this merchant's.
        var isRefused = false
        /// Until when PayPal had its books ready, by its own word; nil without one.
        var refreshed: Date?
        var trace = PayPalTrace()
    }

    /// - Parameter match: gets `transaction_info`; what it makes of it is collected.
    func find<Match: Sendable>(
        from start: Date,
        to end: Date,
        _ match: @Sendable (JSON) -> Match?
    ) async -> Answer<Match> {
        var answer = Answer<Match>(found: [])
        var windows = ReportWindow.split(from: start, to: end)
        var page = 1
        while let window = windows.first {
            let reply = await paypal.transactions(in: window, of: merchant, page: page)
            answer.trace = reply.trace
            if case .rejected(let rejection) = reply, rejection.has("RESULTSET_TOO_LARGE"), let halves = window.halves {
                windows.replaceSubrange(0...0, with: halves)
                page = 1
                continue
            }
            guard let found = reply.value else {
                answer.found = nil
                if case .rejected(let rejection) = reply {
                    answer.isRefused = rejection.status == 403 && !rejection.isMute
                }
                return answer
            }
            answer.found? += found.transactions.compactMap { match($0["transaction_info"]) }
            if let text = found.lastRefreshed, let date = try? Date(text, strategy: .iso8601) {
                // Because without PayPal's word the caller takes the usual delay.
                answer.refreshed = min(answer.refreshed ?? date, date)
            }
            // Because a count of pages that is wrong must not be counted to its end.
            if page < found.totalPages, !found.transactions.isEmpty {
                page += 1
            } else {
                windows.removeFirst()
                page = 1
            }
        }
        return answer
    }
}
