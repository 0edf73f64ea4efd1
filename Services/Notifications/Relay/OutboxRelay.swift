import Domain
package import Foundation
package import Jobs
package import Logging
package import ServiceLifecycle
package import Store

/// Turns staged messages into deliveries and their jobs: soon after the commit, and certainly within the sweep's interval.
///
/// Postgres knows, the queue only carries. Between any two lines here the process may die: what was committed and not
/// enqueued is found by the sweep, its own or another process's; enqueueing twice is harmless. A sweep is part of this loop
/// and not a job, so that it needs nothing from a Redis that has just been wiped.
package struct OutboxRelay: Service {
    private let store: Store
    private let jobs: JobQueue
    private let timing: Timing
    private let logger: Logger

    package struct Timing: Sendable {
        /// How often an idle relay looks.
        package var look = Duration.milliseconds(200)
        /// How often letters are looked for.
        package var mails = Duration.seconds(1)
        package var sweep = Duration.seconds(15)
        /// What is overdue by less is taken to be on its way.
        package var patience: TimeInterval = 5
        /// Messages that are taken together.
        package var batch = 1000

        package init() {}
    }

    package init(store: Store, jobs: JobQueue, timing: Timing = Timing(), logger: Logger) {
        self.store = store
        self.jobs = jobs
        self.timing = timing
        self.logger = logger
    }

    package func run() async throws {
        try await cancelWhenGracefulShutdown {
            var failures = 0
            var nextSweep = ContinuousClock.now
            var nextMails = ContinuousClock.now
            var isFirst = true
            while !Task.isCancelled {
                do {
                    let relayed = try await relay(at: Date())
                    if ContinuousClock.now >= nextMails {
                        try await relayMails(at: Date())
                        nextMails = .now + timing.mails
                    }
                    if ContinuousClock.now >= nextSweep {
                        try await sweep(at: Date(), patience: isFirst ? 0 : timing.patience)
                        isFirst = false
                        nextSweep = .now + timing.sweep
                    }
                    if failures > 0 { logger.info("the outbox is relayed again") }
                    failures = 0
                    if relayed == 0 { try await Task.sleep(for: timing.look) }
                } catch is CancellationError {
                    return
                } catch {
                    if failures == 0 {
                        logger.warning("the outbox waits", metadata: ["error": "\(redactedDescription(of: error))"])
                    }
                    failures += 1
                    // Because a cancelled pause ends the loop.
                    try? await Task.sleep(for: min(.milliseconds(200 << min(failures, 6)), .seconds(10)))
                }
            }
        }
    }

    /// One look into the outbox. Answers how many messages it took.
    package func relay(at now: Date) async throws -> Int {
        let relayed = try await store.transaction { transaction in
            let relayed = try transaction.relay(limit: timing.batch, mailing: Letter.kinds, at: now)
            for message in relayed.mailable {
                if let mail = mail(about: message, at: now) { try transaction.stage(mail) }
            }
            return relayed
        }
        do {
            try await jobs.enqueue(relayed.deliveries)
        } catch {
            logger.warning("deliveries wait for the sweep", metadata: ["error": "\(error)"])
        }
        return relayed.messages
    }

    /// What can't be written must not keep back what others wait for.
    private func mail(about message: MailableMessage, at now: Date) -> Mail? {
        do {
            return try Letter.about(message).flatMap { try $0.letter.mail(about: $0.key, at: now) }
        } catch {
            logger.error(
                "a letter can't be written",
                metadata: ["message": "\(message.id)", "error": "\(type(of: error))"]
            )
            return nil
        }
    }

    /// A job for each letter that is due; one that is there already stays as it is.
    package func relayMails(at now: Date) async throws {
        let due = try await store.read { try $0.dueMails(at: now, limit: 500) }
        guard !due.isEmpty else { return }
        var requests: [EnqueueRequest] = []
        for (mail, tries) in due {
            let envelope = try JobEnvelope(SendMail(mail, tries: tries))
            requests.append(EnqueueRequest(id: SendMail.id(of: mail, tries: tries), envelope: envelope))
        }
        _ = try await jobs.enqueueEnvelopes(requests, on: SendMail.queue)
    }

    /// Enqueues a round at each endpoint where something is overdue, whether or not one waits in the queue already.
    package func sweep(at now: Date, patience: TimeInterval) async throws {
        try await giveUpInterrupted(at: now)
        // One a sweep at most, and where it is dead another one an hour.
        let hour = Int64(exactly: (now.timeIntervalSince1970 / 3600).rounded(.down)) ?? 0
        var last: Endpoint.ID?
        repeat {
            let page = try await store.read { [last] transaction in
                try transaction.overdueEndpoints(at: now.addingTimeInterval(-patience), after: last, limit: 500)
            }
            try await jobs.enqueueRounds(
                page.map { (DeliverMessages(to: $0.endpoint), "sweep/\($0.endpoint)/\(hour)", .now) }
            )
            last = page.count == 500 ? page.last?.endpoint : nil
        } while last != nil
    }

    /// Rounds over which three workers died: what is first in each counts as tried and failed, and goes on by the schedule,
    /// so that the others come to their turn.
    ///
    /// The cause may be ours or an operator's, so the endpoint is not blamed.
    private func giveUpInterrupted(at now: Date) async throws {
        for queue in jobs.shards(of: DeliverMessages.queue) {
            let (letters, _) = try await jobs.dead(
                on: queue,
                kind: DeliverMessages.kind,
                count: 500,
                withPayloads: true
            )
            let poisoned = letters.filter { $0.reason == "poison" }
            guard !poisoned.isEmpty else { continue }
            let endpoints = try poisoned.map {
                try DeliverMessages(payload: $0.envelope.payload, version: $0.envelope.payloadVersion).endpoint
            }
            let recorded = try await store.transaction { transaction in
                let due = try transaction.due(Set(endpoints).map { DueSearch(at: $0) }, at: now)
                return try transaction.record(
                    due.flatMap { $0.deliveries.prefix(Round.width).map { .interrupted($0, at: now) } },
                    at: now
                )
            }
            try await jobs.discard(poisoned.map(\.id), on: queue)
            try await jobs.enqueue(recorded.next)
        }
    }
}

extension DeliveryAttempt {
    fileprivate static func interrupted(_ outgoing: OutgoingDelivery, at now: Date) -> DeliveryAttempt {
        var attempt = DeliveryAttempt(
            of: outgoing.delivery,
            turn: outgoing.turn,
            to: outgoing.endpoint,
            at: now,
            status: nil,
            failure: "interrupted",
            latency: .zero,
            answer: [],
            outcome: outcome(
                status: nil,
                retryAfter: nil,
                step: outgoing.step,
                now: now,
                jitter: .random(in: 0..<1)
            )
        )
        attempt.countsForEndpoint = false
        return attempt
    }
}
