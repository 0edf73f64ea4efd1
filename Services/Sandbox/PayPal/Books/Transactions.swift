internal import Foundation

extension Books {
    // MARK: GET /v1/reporting/transactions

    /// The movements of one account's money, with their delay.
    ///
    /// Without an assertion that is the partner's own account, to which only platform fees come.
    func searchTransactions(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        let refreshed = now.addingTimeInterval(-settings.searchLagHours * 3600)
        let (start, end) = try range(ask, refreshed)
        let size = try number(ask, "page_size", 1...500, 100)
        let page = try number(ask, "page", 1...100_000, 1)
        let merchant = owner(of: ask)
        let found = money.entries.filter { entry in
            entry.merchant == merchant && entry.at >= start && entry.at <= min(end, refreshed)
                && (ask.query["transaction_id"].map { $0 == entry.capture || $0 == entry.refund } ?? true)
                && (ask.query["transaction_status"].map { $0 == "S" } ?? true)
                && (ask.query["transaction_currency"].map { $0 == entry.amount.currency } ?? true)
        }
        guard found.count <= 10_000 else { throw .tooManyTransactions(found.count) }
        let shown = found.dropFirst(min((page - 1) * size, found.count)).prefix(size)
        let pages = (found.count + size - 1) / size
        return PayPalReply(
            200,
            .of([
                "transaction_details": .array(shown.map(transaction)),
                "account_number": .string(merchant),
                "start_date": .string(PayPalTime.report(start)),
                "end_date": .string(PayPalTime.report(min(end, refreshed))),
                "last_refreshed_datetime": .string(PayPalTime.report(refreshed)),
                "page": .whole(page),
                "total_items": .whole(found.count),
                "total_pages": .whole(pages),
                "links": .array(pageLinks(ask, page, pages)),
            ])
        )
    }

    private func range(_ ask: PayPalAsk, _ refreshed: Date) throws(PayPalProblem) -> (Date, Date) {
        guard let start = ask.query["start_date"].flatMap({ PayPalTime.read($0) }) else {
            throw .invalid("INVALID_PARAMETER_SYNTAX", field: "start_date", in: "query")
        }
        guard let end = ask.query["end_date"].flatMap({ PayPalTime.read($0) }) else {
            throw .invalid("INVALID_PARAMETER_SYNTAX", field: "end_date", in: "query")
        }
        guard start <= end, end.timeIntervalSince(start) <= 31 * 86_400 else {
            throw .invalid("INVALID_DATE_RANGE", field: "end_date", in: "query")
        }
        guard now.timeIntervalSince(start) <= 3 * 366 * 86_400 else {
            throw .invalid("INVALID_DATE_RANGE", field: "start_date", in: "query")
        }
        guard start <= refreshed else {
            throw PayPalProblem(
                status: 400,
                name: "INVALID_REQUEST",
                message: "Data for the given start date is not available."
            )
        }
        return (start, end)
    }

    private func number(_ ask: PayPalAsk, _ name: String, _ range: ClosedRange<Int>, _ usual: Int)
        throws(PayPalProblem) -> Int
    {
        guard let text = ask.query[name] else { return usual }
        guard let number = Int(text), range.contains(number) else {
            throw .invalid("INVALID_PARAMETER_VALUE", field: name, value: text, in: "query")
        }
        return number
    }

    private func pageLinks(_ ask: PayPalAsk, _ page: Int, _ pages: Int) -> [SandboxJSON] {
        let query = ask.query.filter { $0.key != "page" }.sorted { $0.key < $1.key }
            .map { "\($0.key)=\(PayPalForm.encoded($0.value))" }.joined(separator: "&")
        let own = "\(ask.base)/v1/reporting/transactions?\(query)&page="
        var links = [link(own + String(page), "self", "GET")]
        if page > 1 { links.append(link(own + "1", "first", "GET")) }
        if page > 1 { links.append(link(own + String(page - 1), "prev", "GET")) }
        if page < pages { links.append(link(own + String(page + 1), "next", "GET")) }
        if page < pages { links.append(link(own + String(pages), "last", "GET")) }
        return links
    }

    private func transaction(_ entry: MoneyBook.Entry) -> SandboxJSON {
        let isCapture = entry.kind == .capture
        let code =
            switch entry.kind {
            case .capture: entry.vaultID == nil ? "T0006" : "T0003"
            case .refund: "T1107"
            case .reversal: "T1106"
            }
        let at = PayPalTime.report(entry.at)
        return .of([
            "transaction_info": .of([
                "paypal_account_id": entry.payer.map { .string($0) },
                "transaction_id": .string(entry.refund ?? entry.capture),
                "paypal_reference_id": .string(isCapture ? entry.order : entry.capture),
                "paypal_reference_id_type": isCapture ? "ODR" : "TXN",
                "transaction_event_code": .string(code),
                "transaction_initiation_date": .string(at),
                "transaction_updated_date": .string(at),
                "transaction_amount": entry.amount.with(isCapture ? entry.amount.minor : -entry.amount.minor).json,
                "fee_amount": isCapture ? entry.fee.with(-entry.fee.minor).json : nil,
                "transaction_status": "S",
                "invoice_id": entry.invoiceID.map { .string($0) },
                "custom_field": entry.customID.map { .string($0) },
                "protection_eligibility": isCapture ? "01" : "02",
            ])
        ])
    }
}

extension PayPalProblem {
    static func tooManyTransactions(_ count: Int) -> PayPalProblem {
        PayPalProblem(
            status: 400,
            name: "RESULTSET_TOO_LARGE",
            message: "Result set size is greater than the maximum limit. Change the filter criteria and try again.",
            more: [
                .init(name: "total_items", value: .whole(count)),
                .init(name: "maximum_items", value: .whole(10_000)),
            ]
        )
    }
}
