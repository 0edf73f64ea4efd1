import Jobs

/// A worker as the queue sees one: it leases, runs for a while, extends, settles; and dies, stalls or misses an answer
/// between any two of these.
struct SimulatedWorker {
    struct Run {
        var lease: Lease
        var endsAt: Int
    }

    let name: String
    /// What it knows: a worker of an older release knows less.
    let kinds: [KnownKind]
    private var fences = 0
    private var lives = 1

    var running: [Run] = []
    var ended: [Settlement] = []
    /// Fences of leases whose answer never came.
    var unheard: [String] = []
    /// It does nothing until then, and does not know it.
    var stalledUntil = 0

    init(name: String, kinds: [KnownKind]) {
        self.name = name
        self.kinds = kinds
    }

    mutating func fence() -> String {
        fences += 1
        return "\(name).\(lives).\(fences)"
    }

    /// Killed and started again: it knows nothing of its former life.
    mutating func crash() {
        lives += 1
        fences = 0
        running = []
        ended = []
        unheard = []
        stalledUntil = 0
    }

    /// Everything it believes to own.
    var leases: [(id: JobID, fence: String)] {
        running.map { ($0.lease.id, $0.lease.fence) } + ended.map { ($0.id, $0.fence) }
    }

    /// Positions among `leases`.
    mutating func lose(_ lost: Set<Int>) {
        let count = running.count
        running = running.indices.filter { !lost.contains($0) }.map { running[$0] }
        ended = ended.indices.filter { !lost.contains(count + $0) }.map { ended[$0] }
    }
}
