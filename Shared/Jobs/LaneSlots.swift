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
        /// The last moment at which the lease was certainly ours.
        var ownedUntil: ContinuousClock.Instant
        var cancelReason: CancelReason?
    }

    struct Ended {
        var settlement: Settlement
        var kind: JobKind
        /// The answer to an earlier try was lost: refused may mean that it had been settled.
        var wasSent = false
    }

    enum Turn {
        case work(ended: [Ended], count: Int)
        case wait
        case end
    }

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
            ended += running.values.map { Ended(settlement: Settlement($0.lease, .released), kind: $0.lease.kind) }
            running = [:]
            return ended.isEmpty ? .end : .work(ended: takeEnded(), count: 0)
        }
        let free = phase == .open && mayHaveMore ? min(500, concurrency - running.count) : 0
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
            beatAt: now + lease.duration / 3,
            ownedUntil: now + lease.duration
        )
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
