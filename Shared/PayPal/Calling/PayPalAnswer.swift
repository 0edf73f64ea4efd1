package import Foundation

/// What PayPal answered, read as far as it can be read: gateways also send HTML, or nothing.
package struct PayPalAnswer: Sendable, Hashable {
    package var status: Int
    package var body: [UInt8]
    /// Nil where the body is empty or no JSON.
    package var json: JSON?
    package var trace: PayPalTrace
    package var retryAfter: Duration?

    package var isSuccess: Bool { (200...299).contains(status) }
    /// 200 where a request id was known already: PayPal did nothing and shows what came of the first request.
    package var isReplay: Bool { status == 200 }
}

/// What support asks for, and the one independent clock that we see.
package struct PayPalTrace: Sendable, Hashable {
    package var status: Int?
    /// `Paypal-Debug-Id` of the header.
    package var debugID: String?
    /// `debug_id` of an error's body: PayPal sends another one there at times.
    package var bodyDebugID: String?
    /// PayPal's clock.
    package var date: Date?

    package init(status: Int? = nil, debugID: String? = nil, bodyDebugID: String? = nil, date: Date? = nil) {
        self.status = status
        self.debugID = debugID
        self.bodyDebugID = bodyDebugID
        self.date = date
    }

    /// The one to show, of whichever place it came from.
    package var anyDebugID: String? { debugID ?? bodyDebugID }
}

/// What came of a call that is no payment.
package enum PayPalReply<Value: Sendable>: Sendable {
    case answered(Value, PayPalTrace)
    case rejected(PayPalRejection)
    /// Nothing was done, for a reason that passes.
    case unavailable(PayPalOutage)
    /// It was sent, and nobody can say whether it was done.
    case unknown(PayPalOutage)

    package func map<Other: Sendable>(_ change: (Value) -> Other) -> PayPalReply<Other> {
        switch self {
        case .answered(let value, let trace): .answered(change(value), trace)
        case .rejected(let rejection): .rejected(rejection)
        case .unavailable(let outage): .unavailable(outage)
        case .unknown(let outage): .unknown(outage)
        }
    }

    /// A value that can't be read counts as no answer. `read` gets what PayPal sent.
    func reading<Other: Sendable>(_ read: (Value) -> Other?) -> PayPalReply<Other> {
        switch self {
        case .answered(let value, let trace):
            if let other = read(value) { return .answered(other, trace) }
            return .unknown(PayPalOutage(.unreadableAnswer, trace: trace))
        case .rejected(let rejection): return .rejected(rejection)
        case .unavailable(let outage): return .unavailable(outage)
        case .unknown(let outage): return .unknown(outage)
        }
    }

    package var value: Value? {
        guard case .answered(let value, _) = self else { return nil }
        return value
    }

    package var trace: PayPalTrace {
        switch self {
        case .answered(_, let trace): trace
        case .rejected(let rejection): rejection.trace
        case .unavailable(let outage), .unknown(let outage): outage.trace
        }
    }
}

/// PayPal said no, and would again: a 4xx but 401, 408 and 429.
package struct PayPalRejection: Error, Sendable, Hashable {
    package var status: Int
    /// `name` of the body: `UNPROCESSABLE_ENTITY`. Empty where there was no readable body.
    package var name: String
    /// The first `details[].issue`: `INSTRUMENT_DECLINED`.
    package var issue: String?
    package var issues: [String]
    /// The first `details[].field`.
    package var field: String?
    package var trace: PayPalTrace

    /// The most exact word that PayPal gave: issue, else name, else the status.
    package var reason: String { issue ?? (name.isEmpty ? "HTTP \(status)" : name) }

    /// A status and not one of PayPal's words: a gateway on the way there may have said it.
    package var isMute: Bool { name.isEmpty && issues.isEmpty }

    package func has(_ issue: String) -> Bool { issues.contains(issue) || name == issue }

    init(_ answer: PayPalAnswer) {
        let body = answer.json ?? .null
        status = answer.status
        name = body["name"].string ?? body["error"].string ?? ""
        let details = body["details"].array
        issues = details.compactMap { $0["issue"].string }
        issue = issues.first
        field = details.first?["field"].string
        trace = answer.trace
    }

    package init(status: Int, name: String, issue: String? = nil, trace: PayPalTrace) {
        self.status = status
        self.name = name
        self.issue = issue
        issues = issue.map { [$0] } ?? []
        self.trace = trace
    }
}

extension PayPalRejection: CustomStringConvertible {
    package var description: String { "PayPal answered \(status) \(reason), debug id \(trace.anyDebugID ?? "-")" }
}

/// Nobody could say yes or no.
package struct PayPalOutage: Error, Sendable, Hashable {
    package enum Reason: String, Sendable, Hashable {
        /// No connection: PayPal never heard of it.
        case unreachable
        case timedOut = "timed out"
        /// The connection ended before the answer did.
        case connectionLost = "connection lost"
        case serverError = "server error"
        case rateLimited = "rate limited"
        /// PayPal refuses our own client id and secret.
        case credentials
        /// 2xx with a body that says nothing.
        case unreadableAnswer = "unreadable answer"
        /// The same work, asked before, is not done yet.
        case inProgress = "in progress"
        /// A replay that shows another amount, currency or invoice than was asked: the request id was used before.
        case differentOrder = "different order"
    }

    package var reason: Reason
    package var retryAfter: Duration?
    package var trace: PayPalTrace

    package init(_ reason: Reason, retryAfter: Duration? = nil, trace: PayPalTrace = PayPalTrace()) {
        self.reason = reason
        self.retryAfter = retryAfter
        self.trace = trace
    }
}

extension PayPalOutage: CustomStringConvertible {
    package var description: String {
        "PayPal: \(reason.rawValue), status \(trace.status.map(String.init) ?? "-"), debug id \(trace.anyDebugID ?? "-")"
    }
}
