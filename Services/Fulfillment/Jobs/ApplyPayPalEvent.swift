package import Domain
package import Foundation
package import Jobs
import Logging
import Metrics
package import PayPal
import Postgres
package import Store

/// Applies one verified event of PayPal: captures, refunds, vault tokens, merchants, and whom to tell.
///
/// Safe to run twice, and to be killed anywhere: the event, the news it tells, every effect and every forward are rows with
/// unique keys; a vault token that is gone is as good as one that is deleted.
package struct ApplyPayPalEvent: EventJob {
    // What is asked.

    /// The event's own id and type; nil where PayPal signed what nobody can read.
    package var event: String?
    package var type: String?
    package var receivedAt: Date
    package var source: InboundEvent.Source
    /// PayPal's signature, for those who are forwarded to; nil where the event did not come by webhook.
    package var transmission: Headers?
    /// As it came.
    package var body: Data

    package struct Headers: Codable, Sendable, Hashable {
        package var id, time, signature, certificateURL, algorithm: String
    }

    package init(
        body: [UInt8],
        transmission: Transmission?,
        receivedAt: Date,
        source: InboundEvent.Source = .webhook
    ) {
        let read = PayPalEvent(body)
        event = read?.id
        type = read?.type
        self.receivedAt = receivedAt
        self.source = source
        self.transmission = transmission.map {
            Headers(
                id: $0.id,
                time: $0.time,
                signature: $0.signature,
                certificateURL: $0.certificateURL,
                algorithm: $0.algorithm
            )
        }
        self.body = Data(body)
    }

    // How it is run.

    package static let kind: JobKind = "fulfillment.paypal-event"
    package static let queue = QueueName.fulfillment
    package static let policy = JobPolicy(
        attempts: 10,
        backoff: .exponential(from: .seconds(1), upTo: .seconds(300)),
        lease: .seconds(30),
        timeout: .seconds(120)
    )

    package var uniqueKey: String? { event.map { "paypal/" + $0 } }

    // What is done.

    /// How long what a forward should wait for may keep it.
    static let patience: TimeInterval = 600
    /// How long the row that an event is about may be on its way to us.
    static let rowPatience: TimeInterval = 30

    package func run(_ deps: FulfillmentDependencies, _ context: JobContext) async throws -> JobOutcome {
        let delivery = PayPalDelivery(self, environment: deps.payPalEnvironment)
        do {
            return try await apply(delivery, deps, context)
        } catch let error as PostgresError where error.isTransient {
            // A database that is away spends no attempt: what was accepted is applied when it is back.
            context.logger.warning("the database is away", metadata: ["error": "\(error)"])
            return .snoozed(.seconds(Int.random(in: 5...15)))
        }
    }

    private func apply(
        _ delivery: PayPalDelivery,
        _ deps: FulfillmentDependencies,
        _ context: JobContext
    ) async throws -> JobOutcome {
        switch try await apply(delivery, deps, now: context.now) {
        case .known:
            return .discarded("the same event was applied before")
        case .kept(let verdict):
            tell(verdict, context)
            return .done
        case .waiting(let pause):
            return .snoozed(pause)
        }
    }

    package enum Outcome: Sendable, Hashable {
        /// The same event was applied before.
        case known
        case kept(Verdict)
        /// What it is about may be on its way, or PayPal did not answer: again after so long.
        case waiting(Duration)
    }

    /// Applies it at once, outside of the queue: the way of whoever finds that it was missed.
    package func apply(_ deps: FulfillmentDependencies, now: @Sendable () -> Date) async throws -> Outcome {
        try await apply(PayPalDelivery(self, environment: deps.payPalEnvironment), deps, now: now)
    }

    private func apply(
        _ delivery: PayPalDelivery,
        _ deps: FulfillmentDependencies,
        now: @Sendable () -> Date
    ) async throws -> Outcome {
        var findings = PayPalFindings()
        // Each turn is one more thing that PayPal was asked; there are two at most.
        for _ in 0..<4 {
            let now = now()
            let mayWait = now.timeIntervalSince(receivedAt) < Self.patience
            let step = try await deps.store.transaction { [findings] in
                try $0.apply(delivery, knowing: findings, sealer: deps.sealer, at: now)
            }
            switch step {
            case .known: return .known
            case .kept(let verdict): return .kept(verdict)
            case .tooEarly: return .waiting(.seconds(5))
            case .ask(let question):
                let isAnswered = await findings.ask(question, deps.payPal)
                if !isAnswered, mayWait { return .waiting(.seconds(20)) }
            }
        }
        throw TooManyQuestions()
    }

    private func tell(_ verdict: Verdict, _ context: JobContext) {
        let word = verdict.status.rawValue
        Counter(label: "fulfillment_paypal_events_total", dimensions: [("verdict", word)]).increment()
        var metadata: Logger.Metadata = ["event": "\(event ?? "-")", "type": "\(type ?? "-")", "verdict": "\(word)"]
        if let reason = verdict.reason { metadata["reason"] = "\(reason)" }
        context.logger.info("PayPal event applied", metadata: metadata)
    }
}

struct TooManyQuestions: Error {}
