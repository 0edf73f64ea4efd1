package import Domain
package import Foundation
package import Jobs
import Logging
import Outbound
import Postgres
package import Store

/// Tries one delivery once: posts the message's bytes to the endpoint, keeps what came of it, plans what follows.
///
/// Safe to run twice: the receiver knows the message by its id, and only the attempt of the present turn is kept.
package struct DeliverMessage: Job {
    // What is asked.

    package var delivery: Delivery.ID
    package var endpoint: Endpoint.ID
    /// Which of the delivery's plans this is. When another has taken its place, there is nothing to do.
    package var turn: Int

    package init(_ planned: PlannedDelivery) {
        delivery = planned.id
        endpoint = planned.endpoint
        turn = planned.turn
    }

    /// The same for the same plan, so that enqueueing it again is harmless.
    package static func id(of planned: PlannedDelivery) -> JobID { "\(planned.id)/\(planned.turn)" }

    // How it is run.

    package static let kind: JobKind = "notifications.deliver"
    package static let queue: QueueName = "notifications"
    /// Three at a time to one endpoint: hundreds that hang can't take all places. What fails out there is planned in
    /// Postgres, so the attempts here are only for troubles of our own. The lease is short: a worker that was killed leaves
    /// an endpoint's places taken until it ends.
    package static let policy = JobPolicy(
        attempts: 10,
        backoff: .exponential(from: .seconds(5)),
        lease: .seconds(10),
        timeout: .seconds(75),
        holdsGroup: false,
        groupSlots: 3
    )
    package var group: String? { endpoint.description }

    // What is done.

    package func run(_ deps: NotificationDependencies, _ context: JobContext) async throws -> JobOutcome {
        do {
            switch try await deps.claim(DeliveryClaim(delivery: delivery, turn: turn)) {
            case .over(let why): return .discarded(why)
            case .wait(let since): return .snoozed(Self.pause(waitingSince: since, now: context.now()))
            case .send(let outgoing):
                return try await send(outgoing, deps, context)
            }
        } catch let error as PostgresError where error.isTransient {
            // Our own outage is no failure of the endpoint.
            return .snoozed(.seconds(5))
        }
    }

    private func send(
        _ outgoing: OutgoingDelivery,
        _ deps: NotificationDependencies,
        _ context: JobContext
    ) async throws -> JobOutcome {
        let started = context.now()
        let clock = ContinuousClock.now
        let outcome: GuardedClient.Outcome
        do {
            let headers = try deps.headers(for: outgoing, at: started)
            outcome = await deps.post(outgoing, headers)
        } catch {
            context.logger.error(
                "the endpoint's secret can't be opened, so nothing is sent to it",
                metadata: ["endpoint": "\(endpoint)", "error": "\(error)"]
            )
            return .snoozed(.seconds(60))
        }
        try Task.checkCancellation()
        try await deps.record(
            DeliveryAttempt(
                outgoing,
                outcome,
                at: started,
                latency: ContinuousClock.now - clock,
                now: context.now(),
                jitter: .random(in: 0..<1)
            )
        )
        return .done
    }

    /// A share of the time it has waited: who waits for a quick answer looks again at once, who waits for one that hangs
    /// does not look a hundred times.
    static func pause(waitingSince since: Date, now: Date) -> Duration {
        .seconds(min(max(now.timeIntervalSince(since) / 4, 0.02), 5))
    }
}

// MARK: The payload

extension DeliverMessage {
    /// The JSON that the coder would write; by hand, because hundreds a second are written and read.
    package func payload() -> [UInt8] {
        Array(#"{"delivery":"\#(delivery)","endpoint":"\#(endpoint)","turn":\#(turn)}"#.utf8)
    }

    package init(payload: [UInt8], version: Int) throws {
        if let read = Self(plain: payload) {
            self = read
        } else {
            self = try JSONDecoder().decode(Self.self, from: Data(payload))
        }
    }

    /// What `payload` writes; nil for JSON that says the same in other ways.
    private init?(plain payload: [UInt8]) {
        let text = String(decoding: payload, as: UTF8.self)
        let parts = text.split(separator: "\"", omittingEmptySubsequences: false)
        guard parts.count == 11, parts[0] == "{", parts[1] == "delivery", parts[2] == ":", parts[4] == ",",
            parts[5] == "endpoint", parts[6] == ":", parts[8] == ",", parts[9] == "turn", parts[10].first == ":",
            parts[10].last == "}", let delivery = Delivery.ID(String(parts[3])),
            let endpoint = Endpoint.ID(String(parts[7])), let turn = Int(parts[10].dropFirst().dropLast())
        else { return nil }
        (self.delivery, self.endpoint, self.turn) = (delivery, endpoint, turn)
    }
}
