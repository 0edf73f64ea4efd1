import Synchronization

/// What a lane's tasks share: which jobs run, which have ended and wait to be settled, and whether it goes on.
struct LaneSlots {
    enum Phase { case open, draining, abandoned }

    /// Why a running job was cancelled.
    enum CancelReason { case lost, timedOut, drain }

    struct Running {
        var lease: Lease
        var task: Task<Void, Never>
        var startedAt: ContinuousClock.Instant
        var beatAt: ContinuousClock.Instant
        var cancelReason: CancelReason?
    }

    struct Ended {
        var settlement: Settlement
        var kind: JobKind
        var duration: Duration
        /// It waits to be settled, and until then the lease must not expire.
        var beatAt: ContinuousClock.Instant
        /// The answer to an earlier try was lost: refused may mean that it had been settled.
        var wasSent = false

        init(_ running: Running, _ how: Settlement.How) {
            settlement = Settlement(running.lease, how)
            kind = running.lease.kind
            duration = running.lease.duration
            beatAt = running.beatAt
        }

        init(undecodable settlement: Settlement, at now: ContinuousClock.Instant) {
            self.settlement = settlement
            kind = "undecodable"
            duration = .seconds(30)
            beatAt = now + duration / 3
        }
    }

    /// A lease to be extended.
    struct Beat {
        var id: JobID
        var fence: String
        /// Nil when the job has ended.
        var slot: Int?
    }

    enum Turn {
        case work(ended: [Ended], count: Int)
        case wait
        case end
    }

    /// How many to lease in one call: enough to make calls rare, few enough for some to run while Redis gets the next.
    private static let mostAtOnce = 128

    let concurrency: Int
    var phase = Phase.open
    /// What the queue said when the worker registered; nil until then, and again when the queue says another.
    var epoch: String?
    var mayHaveMore = true
    var running: [Int: Running] = [:]
    var ended: [Ended] = []
    private var lastTurnWasTaken = false
    private var counter = 0

    init(concurrency: Int) { self.concurrency = concurrency }

    /// What the lane does next. Takes at most 500 ended jobs.
    mutating func turn() -> Turn {
        if phase == .abandoned {
            if lastTurnWasTaken { return .end }
            lastTurnWasTaken = true
            ended += running.values.map { Ended($0, .released) }
            running = [:]
            return ended.isEmpty ? .end : .work(ended: takeEnded(), count: 0)
        }
        let free = phase == .open && mayHaveMore ? min(Self.mostAtOnce, concurrency - running.count) : 0
        let mustRegister = phase == .open && epoch == nil
        if !ended.isEmpty || free > 0 || mustRegister { return .work(ended: takeEnded(), count: max(0, free)) }
        return phase == .draining && running.isEmpty ? .end : .wait
    }

    private mutating func takeEnded() -> [Ended] {
        let taken = ended.prefix(500)
        ended.removeFirst(taken.count)
        return Array(taken)
    }

    mutating func start(_ lease: Lease, at now: ContinuousClock.Instant, _ task: (Int) -> Task<Void, Never>) {
        counter += 1
        running[counter] = Running(
            lease: lease,
            task: task(counter),
            startedAt: now,
            beatAt: now + lease.duration / 3
        )
    }

    mutating func end(_ slot: Int, _ how: Settlement.How?) {
        // Given up by a drain, it is settled already.
        guard let running = running.removeValue(forKey: slot), let how else { return }
        ended.append(Ended(running, how))
    }

    // MARK: Heartbeats

    /// The leases of which a third has passed.
    func dueBeats(_ now: ContinuousClock.Instant) -> [Beat] {
        let runs = running.lazy.filter { now >= $0.value.beatAt && !$0.value.isHopeless(now) }
            .map { Beat(id: $0.value.lease.id, fence: $0.value.lease.fence, slot: $0.key) }
        let ends = ended.lazy.filter { now >= $0.beatAt }.map { Beat(id: $0.settlement.id, fence: $0.settlement.fence) }
        return Array(runs) + Array(ends)
    }

    /// The leases of these last from `now` on.
    mutating func extended(_ beats: [Beat], at now: ContinuousClock.Instant) {
        for case .some(let slot) in beats.map(\.slot) {
            guard let lease = running[slot]?.lease else { continue }
            running[slot]?.beatAt = now + lease.duration / 3
        }
        // A job that ended meanwhile is settled soon; it costs one more heartbeat at most.
        let fences = Set(beats.lazy.filter { $0.slot == nil }.map { [$0.id.text, $0.fence] })
        guard !fences.isEmpty else { return }
        for index in ended.indices {
            let settlement = ended[index].settlement
            if fences.contains([settlement.id.text, settlement.fence]) {
                ended[index].beatAt = now + ended[index].duration / 3
            }
        }
    }

    /// True when the worker must register again: Redis came back empty, or an operator wants the code's policies back.
    mutating func heard(_ epoch: String?) -> Bool {
        guard epoch != self.epoch else { return false }
        self.epoch = nil
        return true
    }

    /// The first reason counts.
    mutating func cancel(_ slot: Int, _ reason: CancelReason) {
        guard running[slot] != nil, running[slot]?.cancelReason == nil else { return }
        running[slot]?.cancelReason = reason
        running[slot]?.task.cancel()
    }
}
