package import Foundation

/// One event on its way to one destination: the bytes are made once and sent unchanged at each attempt.
package struct Delivery: Sendable, Hashable, Identifiable {
    package enum State: String, Sendable, Codable {
        case waiting, delivered
        /// Every attempt failed; only sending it again by hand helps.
        case failed
        /// Dropped on purpose, see `Faults`.
        case lost
    }

    package let id: Int
    /// The order's number; nil for an abandoned cart.
    package let order: String?
    package let event: String
    package let destination: Destination
    /// A UUID, the same at every attempt.
    package let webhookID: String
    package let body: [UInt8]
    package let madeAt: Date
    package var state = State.waiting
    package var attempts: [DeliveryAttempt] = []
    /// Copies that have not been sent yet, retries among them.
    package var underway = 0

    package var contentType: String {
        destination.encoding == .json ? "application/json" : "application/x-www-form-urlencoded"
    }

    package var latest: DeliveryAttempt? { attempts.last }
}

/// One POST and its answer.
package struct DeliveryAttempt: Sendable, Hashable, Encodable {
    package var at: Date
    package var milliseconds: Int
    /// Nil where no answer came.
    package var status: Int?
    /// The first kilobyte of the answer, or why there was none.
    package var answer: String

    package var succeeded: Bool { status.map { (200..<300).contains($0) } ?? false }
}
