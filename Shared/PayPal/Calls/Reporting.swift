package import Foundation

/// One page of PayPal's transaction search.
package struct TransactionPage: Sendable, Hashable {
    /// PayPal's `transaction_details`, as they are.
    package var transactions: [JSON]
    package var page: Int
    package var totalPages: Int
    package var totalItems: Int
    /// Until when PayPal has the books ready: up to 3 hours ago.
    package var lastRefreshed: String?
}

/// A span of time of at most 31 days, which is all that one search may ask for.
package struct ReportWindow: Sendable, Hashable {
    package var start: Date
    package var end: Date

    package init(start: Date, end: Date) {
        self.start = start
        self.end = end
    }

    /// The span cut into windows that follow each other second by second, none twice.
    package static func split(from start: Date, to end: Date) -> [ReportWindow] {
        var windows: [ReportWindow] = []
        var from = start
        while from <= end {
            let to = min(end, from.addingTimeInterval(longest - 1))
            windows.append(ReportWindow(start: from, end: to))
            from = to.addingTimeInterval(1)
        }
        return windows
    }

    /// Two windows for one that holds too many transactions; nil for one that is too short to cut.
    package var halves: [ReportWindow]? {
        let seconds = end.timeIntervalSince(start)
        guard seconds >= 2 else { return nil }
        let middle = start.addingTimeInterval((seconds / 2).rounded(.down))
        return [ReportWindow(start: start, end: middle), ReportWindow(start: middle.addingTimeInterval(1), end: end)]
    }

    private static let longest: TimeInterval = 31 * 86_400
}

extension PayPalClient {
    /// A merchant's transactions of a window, one page of up to 500; the partner's own where none is named.
    ///
    /// Errors among the rejections: `RESULTSET_TOO_LARGE` for more than 10 000, for which the window is to be halved, and
    /// `INVALID_REQUEST` for a start that is later than what PayPal has ready.
    package func transactions(
        in window: ReportWindow,
        of merchant: String? = nil,
        page: Int = 1,
        pageSize: Int = 500
    ) async -> PayPalReply<TransactionPage> {
        let query = [
            PayPalCall.Pair("start_date", window.start.formatted(.iso8601)),
            .init("end_date", window.end.formatted(.iso8601)),
            .init("fields", "all"),
            .init("page_size", String(min(max(pageSize, 1), 500))),
            .init("page", String(page)),
        ]
        let call = PayPalCall(
            "reporting.transactions",
            .get,
            "/v1/reporting/transactions",
            query: query,
            merchant: merchant,
            patience: .long
        )
        return await send(call).reading { answer in
            guard let json = answer.json, case .array(let details) = json["transaction_details"] else { return nil }
            return TransactionPage(
                transactions: details,
                page: json["page"].int ?? page,
                totalPages: json["total_pages"].int ?? 1,
                totalItems: json["total_items"].int ?? details.count,
                lastRefreshed: json["last_refreshed_datetime"].string
            )
        }
    }
}
