/// Something that goes wrong on demand.
///
///     {"fault": "timeout_after", "call": "orders.capture", "count": 1}
///     {"fault": "error", "call": "orders.*", "status": 503, "body": "html", "probability": 0.1, "seed": 7}
///     {"fault": "lose", "webhook": "PAYMENT.CAPTURE.*"}
package struct PayPalFault: Sendable, Hashable, Codable {
    package enum Kind: String, Sendable, Codable {
        // The line breaks: nothing is answered. After `seconds` (60), or at once.
        case timeoutBefore = "timeout_before"
        case timeoutAfter = "timeout_after"
        case resetBefore = "reset_before"
        case resetAfter = "reset_after"

        // Something else is answered.
        /// `status` (500), `body` (json, html, empty), `after` the effect or instead of it.
        case error
        /// 429, with `Retry-After` where `retry_after` says what.
        case rateLimit = "rate_limit"
        /// 403 until the client asks for a new token.
        case staleScope = "stale_scope"
        /// 401: the token is not known any more.
        case expiredToken = "expired_token"
        /// Runs after `seconds`; what comes meanwhile with the same request id is told to wait.
        case slow

        // The money does something else.
        /// Refused with `issue` (INSTRUMENT_DECLINED).
        case decline
        /// 201, and the capture in it is DECLINED with `response_code` (0500) and `advice_code`.
        case captureDeclined = "capture_declined"
        /// 201, and the capture in it is PENDING for `issue` (PENDING_REVIEW).
        case capturePending = "capture_pending"
        case refundPending = "refund_pending"
        case refundFailed = "refund_failed"
        /// Paid, but the vault token comes `seconds` later; never where there are none.
        case vaultPending = "vault_pending"

        // The webhook does something else.
        /// `copies` (1) more of each.
        case duplicate
        /// Held back for `seconds` (60).
        case delay
        /// Overtaken by what comes within `seconds` (2).
        case reorder
        /// Never sent, and never again.
        case lose
    }

    package var fault: Kind
    /// A call's name, `orders.*`, or `*`.
    package var call: String?
    /// An event's type, `PAYMENT.*`, or `*`.
    package var webhook: String?
    /// How often; without one until it is taken away.
    package var count: Int?
    /// The first so many are spared.
    package var skip: Int?
    /// From 0 to 1.
    package var probability: Double?
    package var seed: UInt64?
    /// Only this merchant's.
    package var merchant: String?
    /// Only where the path, the request id or the body has this text.
    package var contains: String?

    package var status: Int?
    package var body: String?
    package var after: Bool?
    package var retryAfter: Int?
    package var seconds: Double?
    package var issue: String?
    package var responseCode: String?
    package var adviceCode: String?
    package var copies: Int?

    package init(_ fault: Kind, call: String? = nil, webhook: String? = nil, count: Int? = nil) {
        self.fault = fault
        self.call = call
        self.webhook = webhook
        self.count = count
    }

    private enum CodingKeys: String, CodingKey {
        case fault, call, webhook, count, skip, probability, seed, merchant, contains, status, body, after
        case retryAfter = "retry_after"
        case seconds, issue
        case responseCode = "response_code"
        case adviceCode = "advice_code"
        case copies
    }

    var isOfWebhooks: Bool {
        switch fault {
        case .duplicate, .delay, .reorder, .lose: true
        default: false
        }
    }

    static func matches(_ name: String, _ pattern: String?) -> Bool {
        guard let pattern, pattern != "*" else { return true }
        return pattern.hasSuffix("*") ? name.hasPrefix(pattern.dropLast()) : name == pattern
    }

    /// A finite number of seconds, a day at most.
    func wait(or usual: Double) -> Double {
        guard let seconds, seconds.isFinite else { return usual }
        return min(max(0, seconds), 86_400)
    }
}

/// The faults that were asked for, in their order: the first that fits is the one that happens.
struct PayPalFaultPlan: Sendable {
    struct Planned: Sendable {
        var fault: PayPalFault
        var seen = 0
        var happened = 0
        var random: SplitMix64
    }

    private(set) var planned: [Planned] = []

    mutating func add(_ fault: PayPalFault) {
        planned.append(Planned(fault: fault, random: SplitMix64(state: fault.seed ?? 1)))
        if planned.count > 1_000 { planned.removeFirst() }
    }

    mutating func clear() { planned = [] }

    mutating func draw(for ask: PayPalAsk, merchant: String?) -> PayPalFault? {
        guard !planned.isEmpty else { return nil }
        return draw { fault in
            !fault.isOfWebhooks && PayPalFault.matches(ask.call.rawValue, fault.call)
                && (fault.merchant == nil || fault.merchant == merchant)
                && (fault.contains == nil || Self.has(fault.contains ?? "", ask))
        }
    }

    mutating func draw(forWebhook event: PayPalEvent) -> PayPalFault? {
        guard !planned.isEmpty else { return nil }
        return draw { fault in
            fault.isOfWebhooks && PayPalFault.matches(event.type, fault.webhook)
                && (fault.merchant == nil || fault.merchant == event.merchant)
                && (fault.contains == nil || String(decoding: event.body, as: UTF8.self).contains(fault.contains ?? ""))
        }
    }

    private static func has(_ text: String, _ ask: PayPalAsk) -> Bool {
        ask.id.contains(text) || ask.requestID?.contains(text) == true
            || String(decoding: ask.body, as: UTF8.self).contains(text)
    }

    private mutating func draw(_ fits: (PayPalFault) -> Bool) -> PayPalFault? {
        for index in planned.indices where fits(planned[index].fault) {
            let fault = planned[index].fault
            if let count = fault.count, planned[index].happened >= count { continue }
            planned[index].seen += 1
            guard planned[index].seen > fault.skip ?? 0 else { continue }
            if let probability = fault.probability, planned[index].random.unit() >= probability { continue }
            planned[index].happened += 1
            return fault
        }
        return nil
    }
}
