import Domain
import Jobs
import Synchronization

/// Which rounds of this process have seen what its own relay made, so that a round for what was sent already need not look.
///
/// Counted, not timed: a mark is taken after the commit, and what a round sees was committed before it looked.
final class Sightings: Sendable {
    /// When something was made, as this process counts.
    struct Mark: Codable, Sendable, Hashable {
        /// Another process counts otherwise.
        var process: String
        var count: UInt64
    }

    static let ours = Sightings()

    private let process = JobID().text
    private let state = Mutex((count: UInt64(0), seen: [Endpoint.ID: UInt64]()))
    /// More endpoints are not remembered than that: forgetting costs a look.
    private static let limit = 100_000

    /// For what is committed now.
    func mark() -> Mark {
        state.withLock { state in
            state.count += 1
            return Mark(process: process, count: state.count)
        }
    }

    /// Asked before a look that may see everything.
    func now() -> UInt64 { state.withLock { $0.count } }

    /// A round that began to look at `count` has seen all that is due at the endpoint, and sends it or will be tried again.
    func saw(_ endpoint: Endpoint.ID, since count: UInt64) {
        state.withLock { state in
            if state.seen.count >= Self.limit { state.seen = [:] }
            state.seen[endpoint] = count
        }
    }

    func hasSeen(_ mark: Mark, at endpoint: Endpoint.ID) -> Bool {
        mark.process == process && state.withLock { ($0.seen[endpoint] ?? 0) >= mark.count }
    }
}
