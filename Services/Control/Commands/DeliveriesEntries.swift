import Domain
import Foundation
import Store

/// A delivery in lists and documents.
struct DeliveryEntry: Encodable, Sendable {
    var id: String
    var endpoint: String
    var url: String
    var message: String
    var event: String
    var email: String?
    var order: String?
    var state: String
    var attempts: Int
    /// The last attempt's status, or why there was no answer.
    var lastResult: String?
    var createdAt: Date
    var nextTryAt: Date?
    var settledAt: Date?

    init(_ delivery: FoundDelivery) {
        id = delivery.id.description
        endpoint = delivery.endpoint.description
        url = delivery.url
        message = delivery.message.description
        event = delivery.type
        email = delivery.email
        order = delivery.order
        state = delivery.state.rawValue
        attempts = delivery.attempts
        lastResult = delivery.status.map(String.init) ?? delivery.failure
        createdAt = delivery.createdAt
        nextTryAt = delivery.dueAt
        settledAt = delivery.settledAt
    }

    var tone: Tone {
        switch Delivery.State(rawValue: state) {
        case .delivered: .good
        case .pending: attempts > 0 ? .warning : .plain
        case .failed: .bad
        case .canceled, nil: .faint
        }
    }
}

/// One POST in documents.
struct AttemptEntry: Encodable, Sendable {
    var delivery: String
    var number: Int
    var at: Date
    var status: Int?
    var failure: String?
    var latencyMilliseconds: Int
    /// The beginning of the answer as text; what is no UTF-8 is replaced.
    var answer: String
    var nextAt: Date?

    init(_ attempt: FoundAttempt) {
        delivery = attempt.delivery.description
        number = attempt.number
        at = attempt.at
        status = attempt.status
        failure = attempt.failure
        latencyMilliseconds = Int((attempt.latency.inSeconds * 1000).rounded())
        answer = String(decoding: attempt.answer, as: UTF8.self)
        nextAt = attempt.nextAt
    }

    var result: String { status.map(String.init) ?? failure ?? "–" }
    var tone: Tone { status.map { (200...299).contains($0) } == true ? .good : .bad }
}
