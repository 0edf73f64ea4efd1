import Jobs
import Synchronization

/// A job that does nothing, of the size that is asked for.
struct NoopJob: Job {
    var filler: String

    static let kind: JobKind = "bench.noop"
    static let queue: QueueName = "bench"
    static let policy = JobPolicy(attempts: 3, backoff: .exponential(from: .seconds(1)))

    /// - Parameter bytes: of its payload.
    init(bytes: Int = 200) {
        filler = String(repeating: "x", count: max(0, bytes - #"{"filler":""}"#.utf8.count))
    }

    func run(_ ran: RunCounter, _ context: JobContext) async throws -> JobOutcome {
        ran.add(context)
        return .done
    }
}

/// Counts runs, and how long each job waited.
final class RunCounter: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .relaxed) }

    func add(_ context: JobContext) {
        count.add(1, ordering: .relaxed)
    }
}
