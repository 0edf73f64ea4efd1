package import Foundation

/// What may happen to a subscription that renews.
package enum RenewalEvent: Sendable, Hashable {
    /// It is time to look, says the queue or the sweep.
    case wake
    /// A shop activates: the buyer is there, and period 0 is charged at once.
    case chargeFirst
    /// An operator wants a period charged now: the current one between two steps of dunning, or one in review.
    case chargeNow(period: Int)
    /// PayPal answered who sent the charge.
    case answered(ChargeAttempt.Key, fence: Int, ChargeAnswer)
    /// An order stands at PayPal, and no money has moved: the first half of the two-step form.
    case ordered(ChargeAttempt.Key, fence: Int, order: String)
    /// PayPal answered who looked the charge up.
    case lookedUp(ChargeAttempt.Key, fence: Int, ChargeFinding)
    /// Something is known of a charge, whoever learned it: a webhook, reconciliation, an operator.
    case learned(ChargeAttempt.Key, ChargeFact)
    /// No further periods.
    case end(RenewalEnd)
    /// A person decided.
    case resolve(period: Int, RenewalDecision)
}

/// What is so, once it is known; it does not matter who learned it, or when.
package enum ChargeFact: Sendable, Hashable {
    case captured(id: String, order: String?)
    /// Taken, but PayPal still decides whether it holds.
    case settling(order: String?)
    case declined(ChargeDecline)
}

/// What came of sending a charge.
package enum ChargeAnswer: Sendable, Hashable {
    case fact(ChargeFact)
    /// PayPal refused the invoice id because a payment with it stands already.
    case duplicateInvoice
    /// The answer was of another charge than the one that was sent: other amount, currency or invoice.
    case mismatch
    /// A 5xx, a time-out, a reset, "in progress": nobody can say.
    case unknown(order: String?)
    /// Provably not done: no connection, our token refused, too many requests.
    case notDone(retryAfter: Double?)
    /// The order of the two-step form is no longer there.
    case orderGone
}

/// What came of looking a charge up.
package enum ChargeFinding: Sendable, Hashable {
    case fact(ChargeFact)
    /// The search covers everything until then, and there is no capture of this charge.
    case nothing(until: Date)
    /// Nobody could look.
    case unavailable
    /// There is nothing to look with: no order id, and no transaction search for this merchant.
    case unable
}

/// Why a subscription renews no more.
package enum RenewalEnd: String, Sendable, Hashable, Codable, CaseIterable {
    case canceled
    /// A payment of it was refunded or reversed.
    case refunded
    /// The merchant left. Source: the Product API, "cancel at period end".
    case disconnected
    /// An operator did it.
    case stopped
}

package enum RenewalDecision: Sendable, Hashable {
    /// It is paid; by this capture, where one is known.
    case paid(captureID: String?)
    /// Nothing was taken: charge it again.
    case unpaid
    /// Let the period go.
    case waive
}

/// What follows from an event, besides the new state.
package enum RenewalCommand: Sendable, Hashable {
    /// Send it, if the commit is younger than the send deadline.
    case send(ChargeAttempt.Key, fence: Int)
    case lookUp(ChargeAttempt.Key, fence: Int)
    /// Tell whoever must know, with the commit.
    case tell(RenewalNews)
    /// A person must look.
    case alarm(RenewalAlarm)
}

package enum RenewalNews: Sendable, Hashable {
    case paid(period: Int, captureID: String?)
    /// A step of dunning is spent. `nextTry` is nil for the last one.
    case declined(period: Int, number: Int, ChargeDecline, nextTry: Date?)
    /// Dunning is exhausted: the buyer loses access.
    case revoked(period: Int, lastError: String)
    case ended(RenewalEnd)
}

package enum RenewalAlarm: Sendable, Hashable {
    /// What became of a charge can't be proven.
    case unprovable(ChargeAttempt.Key)
    /// Periods that came due while we could not charge, beside the one that is charged.
    case overdue(periods: ClosedRange<Int>)
    /// Money came after the subscription had ended: refund it, or give what was paid for.
    case capturedAfterEnd(ChargeAttempt.Key, captureID: String)
    case chargedTwice(period: Int, captureID: String, and: String)
    /// A period that counted as paid, because PayPal said so of its invoice, is not.
    case unpaidAfterAll(ChargeAttempt.Key)
    /// PayPal answered of another charge.
    case mismatch(ChargeAttempt.Key)
    /// The merchant's account can't receive.
    case merchantRefused(ChargeAttempt.Key, ChargeDecline)
}
