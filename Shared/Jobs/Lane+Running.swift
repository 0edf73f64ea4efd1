import Foundation
import Logging
import Synchronization

// One job's run, and what is written about its end.

extension Lane {
    func execute(_ lease: Lease, in slot: Int) async {
        let started = ContinuousClock.now
        let how = await outcome(of: lease, in: slot)
        metrics.ran(lease.kind, for: .now - started)
        slots.withLock { $0.end(slot, how) }
        bell.ring()
    }

    /// Nil when there is nothing to settle, because the lease is lost.
    private func outcome(of lease: Lease, in slot: Int) async -> Settlement.How? {
        guard let runner = runners[lease.kind] else { return .released }
        do {
            switch try await runner.run(lease.envelope, dependencies, context(of: lease, in: slot)) {
            case .done: return .done
            case .discarded(let why):
                log(.info, "discarded", lease, ["why": "\(why)"])
                return .discarded
            case .snoozed(let wait): return .snoozed(wait)
            }
        } catch {
            let reason = slots.withLock { $0.running[slot]?.cancelReason }
            return how(error, of: lease, cancelled: reason)
        }
    }

    private func how(_ error: any Error, of lease: Lease, cancelled: LaneSlots.CancelReason?) -> Settlement.How? {
        let transient = error as? any TransientError
        let isTransient = transient?.isTransient ?? (error is CancellationError)
        let description = error is CancellationError ? "cancelled" : options.describe(error)
        // Whatever a cancelled job throws, it is our cancellation that speaks.
        switch cancelled {
        case .lost: return nil
        case .drain: return .released
        case .timedOut:
            log(.warning, "timed out", lease, [:])
            return .retry(error: "timed out")
        case nil: break
        }
        if isTransient, let transient, transient.isOutage {
            log(.info, "put off: what it needs is away", lease, ["error": "\(description)"])
            // Because all that wait would otherwise come back at the same moment.
            return .snoozed(transient.retryAfter ?? options.outagePause * Double.random(in: 0.5...1.5))
        }
        if isTransient {
            log(.info, "failed, to be retried", lease, ["error": "\(description)"])
            return .retry(error: description, after: transient?.retryAfter)
        }
        log(.error, "failed for good, dead", lease, ["error": "\(description)"])
        return .dead(reason: description)
    }

    private func context(of lease: Lease, in slot: Int) -> JobContext {
        JobContext(
            id: lease.id,
            kind: lease.kind,
            queue: name,
            attempt: lease.attempt,
            crashes: lease.crashes,
            enqueuedAt: lease.envelope.enqueuedAt ?? now(),
            firstFailedAt: lease.firstFailedAt,
            trace: lease.envelope.trace,
            now: now,
            logger: logger,
            extending: { [self] duration in
                let lost = try await queue.extend([(lease.id, lease.fence)], by: duration, on: name)
                if !lost.isEmpty { loseLeases([slot]) }
                return lost.isEmpty
            }
        )
    }

    // MARK: What is written about it

    func record(_ ended: [LaneSlots.Ended], _ answers: [SettleAnswer]) {
        var counts: [JobKind: [String: Int]] = [:]
        for (end, answer) in zip(ended, answers) {
            var outcome = end.settlement.how.label
            switch answer {
            case .settled: break
            case .exhausted:
                outcome = "exhausted"
                logger.error("no attempt left, dead", metadata: end.metadata)
            case .refused where end.wasSent:
                logger.debug("settled before, or lost", metadata: end.metadata)
            case .refused:
                outcome = "refused"
                logger.warning("settled too late: the lease was lost", metadata: end.metadata)
            }
            counts[end.kind, default: [:]][outcome, default: 0] += 1
        }
        for (kind, outcomes) in counts {
            for (outcome, count) in outcomes { metrics.settled(kind, outcome, count) }
        }
    }

    func record(_ notice: QueueNotice) {
        metrics.noticed(notice)
        let metadata: Logger.Metadata = ["job": "\(notice.id)", "kind": "\(notice.kind)"]
        switch notice.what {
        case .poison: logger.error("took too many workers with it, dead", metadata: metadata)
        case .recovered: logger.warning("recovered from a lost worker", metadata: metadata)
        case .parked: logger.warning("parked: this worker does not know the kind or its version", metadata: metadata)
        case .expired: logger.info("expired", metadata: metadata)
        }
    }

    func log(_ level: Logger.Level, _ message: Logger.Message, _ lease: Lease, _ more: Logger.Metadata) {
        let metadata: Logger.Metadata = [
            "job": "\(lease.id)", "kind": "\(lease.kind)", "attempt": "\(lease.attempt)",
        ]
        logger.log(level: level, message, metadata: metadata.merging(more) { $1 })
    }
}

extension LaneSlots.Ended {
    fileprivate var metadata: Logger.Metadata { ["job": "\(settlement.id)", "kind": "\(kind)"] }
}

extension Settlement.How {
    fileprivate var label: String {
        switch self {
        case .done: "done"
        case .discarded: "discarded"
        case .snoozed: "snoozed"
        case .retry: "retried"
        case .dead: "dead"
        case .released: "released"
        }
    }
}
