import Foundation
import Logging
import Redis
import Synchronization

/// A worker's part in one queue: one loop that settles what has ended and leases into the free slots, in one round trip.
final class Lane<Dependencies: Sendable>: Sendable {
    let name: QueueName
    let queue: JobQueue
    let options: Worker<Dependencies>.Options
    let health: WorkerHealth
    let metrics: JobMetrics
    let logger: Logger
    let dependencies: Dependencies
    let runners: [JobKind: JobRunner<Dependencies>]
    let schedule: [Schedule]
    let now: @Sendable () -> Date
    let slots: Mutex<LaneSlots>
    /// Something has ended, or there may be more to lease.
    let bell = Bell()
    /// Pauses are over, a drain has begun.
    let hurry = Bell()
    let wakes: AsyncStream<Duration>
    let wakeMe: AsyncStream<Duration>.Continuation
    private let kinds: [KnownKind]
    private let workerID = JobID().text

    init(
        _ name: QueueName,
        _ dependencies: Dependencies,
        queue: JobQueue,
        runners: [JobRunner<Dependencies>],
        schedule: [Schedule],
        concurrency: Int,
        options: Worker<Dependencies>.Options,
        health: WorkerHealth,
        now: @escaping @Sendable () -> Date,
        logger: Logger
    ) {
        self.name = name
        self.dependencies = dependencies
        self.queue = queue
        self.runners = Dictionary(runners.map { ($0.kind, $0) }) { first, _ in first }
        self.schedule = schedule
        self.options = options
        self.health = health
        self.now = now
        var logger = logger
        logger[metadataKey: "queue"] = "\(name)"
        self.logger = logger
        metrics = JobMetrics(name, kinds: runners.map(\.kind))
        slots = Mutex(LaneSlots(concurrency: runners.isEmpty ? 0 : concurrency))
        kinds = runners.map { KnownKind($0.kind, payloadVersion: $0.payloadVersion) }
        (wakes, wakeMe) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        health.expect(name)
    }

    /// Ends when the lane has drained. Cancelling the caller changes nothing: `drain` does.
    func run(heart: JobQueue) async {
        let helpers = [
            Task { await listenForWork() },
            Task(executorPreference: HeartbeatThread.shared) { [self] in await beat(heart) },
            Task { await fireEntries() },
        ]
        // Because what has ended must still be settled when the process is told to stop at once.
        await Task { await loop() }.value
        for helper in helpers { helper.cancel() }
        wakeMe.finish()
        for helper in helpers { await helper.value }
        // It may have taken a wake-up with it.
        await wakeAnother()
    }

    // MARK: The loop

    private func loop() async {
        var pauses = Pauses(upTo: options.maximumBackoff)
        var fences = 0
        /// Leases whose answer never came.
        var unheard: [String] = []

        while true {
            switch slots.withLock({ $0.turn() }) {
            case .end:
                // Because the leases expire if this fails, and nobody is left to try again.
                for fence in unheard { _ = try? await queue.abandon(fence: fence, on: name) }
                return
            case .wait: await bell.wait()
            case .work(let ended, let count):
                fences += 1
                let fence = "\(workerID).\(fences)"
                do {
                    try await registerIfNeeded()
                    while let lost = unheard.last {
                        try await queue.abandon(fence: lost, on: name)
                        unheard.removeLast()
                    }
                    try await settle(ended, thenLease: count, fence)
                    pauses.reset()
                    if health.succeeded(name, at: now()) { logger.info("the queue answers") }
                } catch {
                    slots.withLock { slots in
                        slots.ended.insert(contentsOf: ended.map { $0.sentAgain(after: error) }, at: 0)
                    }
                    if count > 0, error.leavesOutcomeUnknown { unheard.append(fence) }
                    let isNews = health.failed(name)
                    let level: Logger.Level = !error.isTransient ? .error : isNews ? .warning : .debug
                    logger.log(level: level, "the queue does not answer, jobs wait", metadata: ["error": "\(error)"])
                    await hurry.wait(atMost: pauses.pause())
                }
            }
        }
    }

    private func settle(
        _ ended: [LaneSlots.Ended],
        thenLease count: Int,
        _ fence: String
    ) async throws(JobsError) {
        let settlements = ended.map(\.settlement)
        guard count > 0 else {
            record(ended, try await queue.settle(settlements, on: name))
            return
        }
        let request = LeaseRequest(fence: fence, count: count, kinds: kinds)
        guard !ended.isEmpty else {
            start(try await queue.lease(request, from: name))
            return
        }
        let (answers, leased) = try await queue.settle(settlements, thenLease: request, on: name)
        record(ended, answers)
        start(leased)
    }

    private func registerIfNeeded() async throws(JobsError) {
        guard slots.withLock({ $0.phase == .open && $0.epoch == nil }) else { return }
        let policies = runners.values.map { ($0.kind, $0.policy) }
        let epoch = try await queue.register(policies: policies, schedule: schedule, on: name)
        slots.withLock { $0.epoch = epoch }
        logger.info("registered", metadata: ["kinds": "\(policies.count)", "entries": "\(schedule.count)"])
    }

    private func start(_ leased: LeasedJobs) {
        for notice in leased.notices { record(notice) }
        for lease in leased.leases where lease.attempt == 1 && lease.crashes == 0 {
            guard let enqueuedAt = lease.envelope.enqueuedAt else { continue }
            metrics.waited(lease.kind, for: .seconds(leased.now.timeIntervalSince(enqueuedAt)))
        }
        let instant = ContinuousClock.now
        let (running, asks) = slots.withLock { slots in
            for lease in leased.leases {
                slots.start(lease, at: instant) { slot in Task { await self.execute(lease, in: slot) } }
            }
            slots.ended += leased.undecodable.map { LaneSlots.Ended(undecodable: $0, at: instant) }
            slots.mayHaveMore = leased.wait <= .zero
            _ = slots.heard(leased.epoch)
            return (slots.running.count, !slots.mayHaveMore)
        }
        metrics.running(running)
        if asks { wakeMe.yield(min(leased.wait, options.poll)) }
    }

    /// Waits on a connection of its own for a token that says there is work, or until the queue said to look again.
    private func listenForWork() async {
        // Because the loop tries again; at once, so that a worker that is never idle is seen too.
        var connection = try? await queue.listeningConnection(for: name)
        var pauses = Pauses(upTo: .seconds(1))
        for await wait in wakes {
            do {
                let open: RedisBlockingConnection
                if let connection { open = connection } else { open = try await queue.listeningConnection(for: name) }
                connection = open
                let seconds = String(Double(max(1, wait.milliseconds)) / 1000)
                let token = try await open.call(
                    ["BLPOP", .text(queue.key(name, "wake")), .text(seconds)],
                    timeout: wait
                )
                pauses.reset()
                // It was woken for work that it will not do.
                if !token.isNull, slots.withLock({ $0.phase != .open }) { await wakeAnother() }
            } catch {
                connection?.close()
                connection = nil
                // Because a cancelled pause ends the loop.
                try? await Task.sleep(for: pauses.pause())
            }
            slots.withLock { $0.mayHaveMore = true }
            bell.ring()
        }
        connection?.close()
    }

    /// A wake-up that went to a worker which leaves is passed on: the next may wait for it.
    private func wakeAnother() async {
        // Because the others look by themselves after a while.
        _ = try? await queue.redis.call(["LPUSH", .text(queue.key(name, "wake")), "1"], deadline: .seconds(1))
    }
}

extension LaneSlots.Ended {
    fileprivate func sentAgain(after error: JobsError) -> Self {
        var copy = self
        copy.wasSent = wasSent || error.leavesOutcomeUnknown
        return copy
    }
}

extension JobsError {
    var leavesOutcomeUnknown: Bool {
        switch self {
        case .redis(let error): error.outcomeIsUnknown
        case .unexpectedAnswer: true
        default: false
        }
    }
}
