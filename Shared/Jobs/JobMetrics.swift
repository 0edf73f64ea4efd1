import Metrics
import Synchronization

/// What a worker counts, by queue and kind.
///
/// `jobs_settled_total` by outcome, `jobs_run_seconds`, `jobs_age_seconds` (enqueued to the first run), `jobs_running`,
/// `jobs_leases_lost_total`, and `jobs_noticed_total` for what the queue did on its own (recovered, poison, parked, expired).
final class JobMetrics: Sendable {
    private struct Key: Hashable {
        var name: String
        var kind: JobKind
        var value: String
    }

    private struct Handles {
        var counters: [Key: Counter] = [:]
    }

    /// Two for each kind, found without a lock: they are asked for twice a job.
    private struct Timers {
        var run: Timer
        var age: Timer
    }

    private let queue: QueueName
    private let running: Gauge
    private let handles = Mutex(Handles())
    private let timers: [JobKind: Timers]

    init(_ queue: QueueName, kinds: some Sequence<JobKind>) {
        self.queue = queue
        let timers = Set(kinds).map { kind in
            let dimensions = [("queue", queue.text), ("kind", kind.text)]
            return (
                kind,
                Timers(
                    run: Timer(label: "jobs_run_seconds", dimensions: dimensions),
                    age: Timer(label: "jobs_age_seconds", dimensions: dimensions)
                )
            )
        }
        self.timers = Dictionary(uniqueKeysWithValues: timers)
        running = Gauge(label: "jobs_running", dimensions: [("queue", queue.text)])
    }

    func settled(_ kind: JobKind, _ outcome: String, _ count: Int = 1) {
        counter("jobs_settled_total", kind, "outcome", outcome).increment(by: count)
    }

    func noticed(_ notice: QueueNotice) {
        counter("jobs_noticed_total", notice.kind, "what", notice.what.rawValue).increment()
    }

    func lost(_ kind: JobKind) { counter("jobs_leases_lost_total", kind).increment() }

    func ran(_ kind: JobKind, for duration: Duration) { timers[kind]?.run.record(duration: duration) }

    func waited(_ kind: JobKind, for duration: Duration) { timers[kind]?.age.record(duration: duration) }

    func running(_ count: Int) { running.record(count) }

    private func counter(_ name: String, _ kind: JobKind, _ dimension: String = "", _ value: String = "") -> Counter {
        let key = Key(name: name, kind: kind, value: value)
        return handles.withLock { handles in
            if let counter = handles.counters[key] { return counter }
            let dimensions = [("queue", queue.text), ("kind", kind.text)] + (value.isEmpty ? [] : [(dimension, value)])
            let counter = Counter(label: name, dimensions: dimensions)
            handles.counters[key] = counter
            return counter
        }
    }
}
