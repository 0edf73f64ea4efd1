/// The rules that keep a period from being charged twice, skipped, or a buyer from losing access wrongly.
///
/// Production knows only `.all`. The simulation switches one off to prove that its absence would be noticed.
package struct RenewalRules: Sendable, Hashable {
    package enum Rule: String, Sendable, CaseIterable {
        /// A charge asked again has the same request id, so that PayPal answers with the first one's outcome.
        case frozenRequestID = "frozen-request-id"
        /// Nothing new is charged while it is unknown what became of an earlier charge.
        case oneOpenAttempt = "one-open-attempt"
        /// Who was away for a minute since the charge was written down does not send it any more.
        case sendDeadline = "send-deadline"
        /// Before PayPal forgets a request id the charge is looked up instead of asked again.
        case ttlLookup = "ttl-lookup"
        /// A 5xx or a lost answer is not the buyer's fault: it spends no step of dunning.
        case outageNotDecline = "outage-not-decline"
        /// Dunning goes by the number of the try, not by how many declines were heard.
        case attemptNumber = "attempt-number"
        /// PayPal refuses an invoice that is paid: that proves the payment.
        case duplicateInvoice = "duplicate-invoice"
        /// Whether the subscription still runs and the period is unpaid is looked at with the commit before each charge.
        case lastLook = "last-look"
    }

    private var missing: UInt16 = 0

    package static let all = RenewalRules()

    /// For the simulation alone.
    package static func without(_ rule: Rule) -> RenewalRules {
        var rules = RenewalRules()
        rules.missing = bit(rule)
        return rules
    }

    package func holds(_ rule: Rule) -> Bool { missing & Self.bit(rule) == 0 }

    private static func bit(_ rule: Rule) -> UInt16 {
        switch rule {
        case .frozenRequestID: 1
        case .oneOpenAttempt: 2
        case .sendDeadline: 4
        case .ttlLookup: 8
        case .outageNotDecline: 16
        case .attemptNumber: 32
        case .duplicateInvoice: 64
        case .lastLook: 128
        }
    }
}

/// The times that renewals go by.
package struct RenewalTimes: Sendable, Hashable {
    /// How long a charge may be asked again with its request id. PayPal remembers ids of orders for 6 hours from the first
    /// use, if a partner has not been granted more; half an hour is left for clocks and slow roads.
    package var askingAgain: Double = 5.5 * 3600
    /// How long after its commit a charge may still be sent.
    package var sendDeadline: Double = 60
    /// How long a worker owns a charge that it sends or looks up.
    package var lease: Double = 120
    /// Between two tries at something that nobody could say.
    package var pause: Double = 3600
    /// What a search must cover after the last sending to prove that nothing was captured.
    package var searchMargin: Double = 3600
    /// When the second and the third try of a declined period are due, from the first decline. Source: the Product API, "D5".
    package var dunning: [Double] = [3 * 86_400, 7 * 86_400]
    /// How many charges may take the place of one that provably came to nothing.
    package var replacements = 3

    package init() {}
}
