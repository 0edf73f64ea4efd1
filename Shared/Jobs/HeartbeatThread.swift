import Foundation

/// One thread for heartbeats alone: jobs that block every thread of Swift's pool must not cost a worker its leases.
///
/// Tasks that prefer it run here, and so does the end of their sleeps: `Task.sleep` would wake on the pool.
final class HeartbeatThread: TaskExecutor, @unchecked Sendable {
    static let shared = HeartbeatThread()

    private struct Sleeper {
        var end: Date
        var continuation: CheckedContinuation<Void, Never>
    }

    // All under the condition's lock.
    private let condition = NSCondition()
    private var jobs: [UnownedJob] = []
    private var sleepers: [Int: Sleeper] = [:]
    private var counter = 0

    private init() {
        let thread = Thread { [unowned self] in run() }
        thread.name = "heartbeat"
        thread.start()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        condition.withLock {
            jobs.append(job)
            condition.signal()
        }
    }

    /// Ends early when the task is cancelled.
    func sleep(for duration: Duration) async {
        let end = Date(timeIntervalSinceNow: Double(duration.milliseconds) / 1000)
        let number = condition.withLock {
            counter += 1
            return counter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                condition.withLock {
                    // Asked under the lock: a cancellation from here on finds the sleeper.
                    sleepers[number] = Sleeper(end: Task.isCancelled ? .distantPast : end, continuation: continuation)
                    condition.signal()
                }
            }
        } onCancel: {
            condition.withLock {
                sleepers[number]?.end = .distantPast
                condition.signal()
            }
        }
    }

    private func run() {
        while true {
            for job in work() { job.runSynchronously(on: asUnownedTaskExecutor()) }
        }
    }

    /// Waits for something to do.
    private func work() -> [UnownedJob] {
        condition.lock()
        while jobs.isEmpty {
            let now = Date()
            let awake = sleepers.filter { $0.value.end <= now }
            for number in awake.keys { sleepers[number] = nil }
            if awake.isEmpty {
                _ = condition.wait(until: sleepers.values.map(\.end).min() ?? Date(timeIntervalSinceNow: 3600))
            } else {
                // Resuming enqueues, which locks.
                condition.unlock()
                for sleeper in awake.values { sleeper.continuation.resume() }
                condition.lock()
            }
        }
        defer { condition.unlock() }
        defer { jobs.removeAll() }
        return jobs
    }
}
