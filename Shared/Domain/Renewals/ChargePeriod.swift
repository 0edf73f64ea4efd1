package import Foundation

/// One obligation: a period of a subscription is paid once, and nothing is charged but through it.
package struct ChargePeriod: Sendable, Hashable {
    package enum Status: String, Sendable, Codable, CaseIterable {
        case due
        case paid
        /// Dunning is through; the subscription ended with it.
        case exhausted
        /// A person let it go.
        case waived
        /// Nobody but a person decides: it came due while we could not charge, beside an older one.
        case review

        /// Whether money may still be taken for it.
        package var isOwed: Bool { self == .due || self == .review }
    }

    package var number: Int
    package var dueAt: Date
    package var status: Status
    /// How many steps of dunning are spent: 0 before the first decline, 3 when it is exhausted.
    package var step: Int
    /// PayPal's id of what paid it.
    package var captureID: String?
    /// PayPal refused the invoice as paid, and has not yet said by which capture.
    package var isUnlinked: Bool

    package init(
        number: Int,
        dueAt: Date,
        status: Status = .due,
        step: Int = 0,
        captureID: String? = nil,
        isUnlinked: Bool = false
    ) {
        self.number = number
        self.dueAt = dueAt
        self.status = status
        self.step = step
        self.captureID = captureID
        self.isUnlinked = isUnlinked
    }
}

/// One try to charge a period: one request to PayPal, however often it has to be sent.
package struct ChargeAttempt: Sendable, Hashable {
    /// Which try, as PayPal gets it in `custom_id`: subscription, period, step of dunning, replacement.
    package struct Key: Sendable, Hashable {
        package var period: Int
        /// 1 on the due day, 2 on day 3, 3 on day 7.
        package var number: Int
        /// Counts tries of one step: the next one when an earlier one provably came to nothing.
        package var seq: Int

        package init(period: Int, number: Int, seq: Int) {
            self.period = period
            self.number = number
            self.seq = seq
        }
    }

    package enum State: String, Sendable, Codable, CaseIterable {
        /// Written down, and provably not sent.
        case planned
        /// A worker sends it, or died with it.
        case sending
        /// Sent, and nobody knows what became of it.
        case indeterminate
        /// Captured, but PayPal still decides whether it holds.
        case settling
        /// Not to be settled without a person.
        case review
        case captured
        case declined
        /// Not asked: the bank forbade it at the last decline. Spends the step as a decline does.
        case forgone
        /// PayPal refused the invoice because it is paid.
        case duplicate
        /// Provably nothing was captured.
        case absent
        /// Given up before it was sent.
        case void

        /// While one of these stands nothing else of the subscription is charged.
        package var isOpen: Bool {
            switch self {
            case .planned, .sending, .indeterminate, .settling, .review: true
            case .captured, .declined, .forgone, .duplicate, .absent, .void: false
            }
        }

        /// Whether money may have moved.
        package var isInDoubt: Bool { isOpen && self != .planned }
    }

    package enum Kind: String, Sendable, Codable, CaseIterable {
        case scheduled
        /// An operator asked for it.
        case manual
    }

    package var key: Key
    package var kind: Kind
    /// How it was begun, and is sent to its end: the other form's request would be another one to PayPal.
    package var form: RenewalState.Form
    package var state: State
    /// Counts claims: an answer that proves nothing counts only from who holds the last one.
    package var fence: Int
    package var leaseUntil: Date?
    package var firstSentAt: Date?
    package var lastSentAt: Date?
    package var sends: Int
    /// Sends of which it is not proven that they came to nothing.
    package var doubts: Int
    /// Not before this time is it sent or looked up again.
    package var probeAt: Date
    /// PayPal's order, as soon as it is known.
    package var orderID: String?
    /// It must not be sent again, whatever its age.
    package var onlyLookUp: Bool
    package var captureID: String?
    package var decline: ChargeDecline?
    /// When it was known what became of it.
    package var settledAt: Date?

    package init(_ key: Key, kind: Kind = .scheduled, form: RenewalState.Form = .oneStep, at now: Date) {
        self.key = key
        self.kind = kind
        self.form = form
        state = .planned
        fence = 0
        sends = 0
        doubts = 0
        probeAt = now
        onlyLookUp = false
    }
}
