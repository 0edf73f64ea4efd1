import Foundation
import Logging
import Synchronization

// What a lane does besides running jobs: heartbeats, time-outs, recurring entries, the drain.

extension Lane {
    /// Extends leases when a third of them has passed, cancels what is lost or takes too long, and recovers others' jobs
    /// while all slots are busy.
    func beat(_ heart: JobQueue) async {
        var recoverAt = ContinuousClock.now
        var pause = Duration.zero
        while !Task.isCancelled {
            await HeartbeatThread.shared.sleep(for: pause)
            let now = ContinuousClock.now
            let (due, isBusy) = slots.withLock { slots in
                cancelOverdue(&slots, now)
                pause = min(options.beat, beatOfShortestLease(slots))
                return (slots.dueBeats(now), slots.running.count >= slots.concurrency)
            }
            do {
                if !due.isEmpty { try await extend(due, heart) }
                if isBusy, now >= recoverAt {
                    recoverAt = now + .seconds(2)
                    for notice in try await heart.recover(on: name) { record(notice) }
                }
            } catch {
                logger.debug("no heartbeat", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Short leases are looked at more often; of those that begin during a pause, the code's policies tell.
    private func beatOfShortestLease(_ slots: LaneSlots) -> Duration {
        let leases = slots.running.values.map(\.lease.duration) + runners.values.map(\.policy.lease)
        return max(.milliseconds(10), (leases.min() ?? .seconds(30)) / 6)
    }

    private func cancelOverdue(_ slots: inout LaneSlots, _ now: ContinuousClock.Instant) {
        for (slot, running) in slots.running {
            if let timeout = running.lease.timeout, now - running.startedAt > timeout { slots.cancel(slot, .timedOut) }
        }
    }

    private func extend(_ beats: [LaneSlots.Beat], _ heart: JobQueue) async throws(JobsError) {
        let asked = ContinuousClock.now
        let lost = try await heart.extendEach(beats.map { ($0.id, $0.fence) }, on: name)
        slots.withLock { $0.extended(beats, at: asked) }
        // What has ended and is lost will hear so when it is settled.
        if !lost.isEmpty { loseLeases(lost.compactMap { beats[$0].slot }) }
    }

    func loseLeases(_ lost: [Int]) {
        let leases = slots.withLock { slots in
            // One that ended meanwhile was settled, not lost.
            let leases = lost.compactMap { slots.running[$0]?.lease }
            for slot in lost { slots.cancel(slot, .lost) }
            return leases
        }
        for lease in leases {
            metrics.lost(lease.kind)
            log(.warning, "lease lost, cancelled", lease, [:])
        }
    }

    /// Every worker looks, the queue decides who fires.
    func fireEntries() async {
        var pauses = Pauses(upTo: options.maximumBackoff)
        while !Task.isCancelled, slots.withLock({ $0.phase }) == .open {
            var pause: Duration
            do {
                let (fired, wait, epoch) = try await queue.fireDueEntries(on: name)
                if slots.withLock({ $0.epoch != nil && $0.heard(epoch) }) { bell.ring() }
                pauses.reset()
                // Nobody has registered yet: soon there may be entries.
                pause = epoch == nil ? .milliseconds(50) : max(.milliseconds(10), min(wait, .seconds(1)))
                for entry in fired { logger.info("fired", metadata: ["entry": "\(entry)"]) }
            } catch {
                pause = pauses.pause()
                logger.debug("no look at the schedule", metadata: ["error": "\(error)"])
            }
            // Because a cancelled sleep ends the loop.
            try? await Task.sleep(for: pause)
        }
    }

    /// Leases nothing more and cancels what runs.
    func stop() {
        drain()
        cancelRest()
        Task { [weak self, options] in
            // Because nobody cancels this.
            try? await Task.sleep(for: options.drainGrace)
            self?.abandonRest()
        }
    }

    /// Leases nothing more. What runs has `drainLimit` to end, then `drainGrace` to notice its cancellation; then it is
    /// given back.
    func drain() {
        let isNew = slots.withLock { slots in
            guard slots.phase == .open else { return false }
            slots.phase = .draining
            return true
        }
        guard isNew else { return }
        health.drain()
        bell.ring()
        hurry.ring()
        Task { [weak self, options] in
            // Because nobody cancels these.
            try? await Task.sleep(for: options.drainLimit)
            self?.cancelRest()
            try? await Task.sleep(for: options.drainGrace)
            self?.abandonRest()
        }
    }

    private func cancelRest() {
        slots.withLock { slots in
            for slot in slots.running.keys { slots.cancel(slot, .drain) }
        }
    }

    private func abandonRest() {
        let left = slots.withLock { slots in
            slots.phase = .abandoned
            return slots.running.count
        }
        if left > 0 { logger.warning("drain is over, running jobs are given back", metadata: ["jobs": "\(left)"]) }
        hurry.ring()
        bell.ring()
    }
}

extension LaneSlots.Running {
    /// It was told to stop and did not for a whole lease: let the lease expire, another worker shall have the job.
    func isHopeless(_ now: ContinuousClock.Instant) -> Bool {
        guard let timeout = lease.timeout, cancelReason == .timedOut else { return cancelReason == .lost }
        return now - startedAt > timeout + lease.duration
    }
}
