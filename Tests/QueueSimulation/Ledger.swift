import Foundation
import Jobs

/// What must be true of every job, kept beside the queue by somebody who sees every answer.
struct Ledger {
    enum End: String { case done, dead, canceled }

    struct Entry {
        var kind: JobKind
        var group: String?
        /// Of its group, in the order of enqueuing.
        var order: Int
        var end: End?
        /// The fence of the lease that holds now.
        var owner: String?
        var attempts = 0
        var crashes = 0
        /// From then on, at the latest, it is to be given to whoever asks.
        var availableAt: Int
    }

    let isOrdered: Bool
    let attempts: Int
    private(set) var jobs: [JobID: Entry] = [:]
    private(set) var complaints: [String] = []
    private var nextFires: [String: Int] = [:]
    private var fired: Set<String> = []
    private var counter = 0
    /// From then on, what is ready may have been made so in the future.
    private var wentBack = false

    init(isOrdered: Bool, attempts: Int) {
        self.isOrdered = isOrdered
        self.attempts = attempts
    }

    mutating func complain(_ text: String) { complaints.append(text) }

    var unfinished: [JobID] { jobs.filter { $0.value.end == nil }.map(\.key).sorted { $0.text < $1.text } }
    var dead: [JobID] { jobs.filter { $0.value.end == .dead }.map(\.key).sorted { $0.text < $1.text } }

    // MARK: What happens

    mutating func clockWentBack() { wentBack = true }

    mutating func enqueued(_ id: JobID, _ envelope: JobEnvelope, availableAt: Int) {
        counter += 1
        if jobs[id] != nil { complain("\(id) was enqueued twice") }
        jobs[id] = Entry(kind: envelope.kind, group: envelope.group, order: counter, availableAt: availableAt)
    }

    mutating func leased(_ lease: Lease, at now: Int) {
        guard var job = jobs[lease.id] else { return complain("\(lease.id) came from nowhere") }
        if let end = job.end { complain("\(lease.id) was leased although \(end)") }
        if let owner = job.owner { complain("\(lease.id) was leased to \(lease.fence) while \(owner) holds it") }
        if job.availableAt > now, !wentBack { complain("\(lease.id) was leased before it was due") }
        job.attempts += 1
        if lease.attempt != job.attempts {
            complain("\(lease.id) counts \(lease.attempt), not \(job.attempts) attempts")
        }
        if lease.crashes != job.crashes { complain("\(lease.id) counts \(lease.crashes), not \(job.crashes) crashes") }
        if lease.crashes >= 3 { complain("\(lease.id) was leased after \(lease.crashes) crashes") }
        job.owner = lease.fence
        jobs[lease.id] = job
        guard isOrdered, let group = job.group else { return }
        if jobs.values.contains(where: { $0.group == group && $0.order < job.order && $0.end == nil }) {
            complain("\(lease.id) was leased before its turn in \(group)")
        }
    }

    /// A worker asked for more than it got: then nothing that it knows may be left that could have been given.
    mutating func gotLess(knowing kinds: Set<JobKind>, at now: Int) {
        let left = jobs.filter {
            $0.value.end == nil && $0.value.owner == nil && $0.value.group == nil && $0.value.availableAt <= now
                && kinds.contains($0.value.kind)
        }
        for id in left.keys { complain("\(id) was due and not given") }
    }

    mutating func settled(_ settlement: Settlement, _ answer: SettleAnswer, at now: Int) {
        guard var job = jobs[settlement.id] else { return complain("\(settlement.id) was settled and never was") }
        let isOwner = job.owner == settlement.fence
        guard answer != .refused else {
            if isOwner { complain("\(settlement.id) was refused to its owner") }
            return
        }
        if !isOwner { complain("\(settlement.id) was settled by a stranger") }
        if job.end != nil { complain("\(settlement.id) was settled twice") }
        job.owner = nil
        switch settlement.how {
        case .done, .discarded: job.end = .done
        case .dead: job.end = .dead
        case .released:
            job.attempts -= 1
            job.availableAt = now
        case .snoozed(let wait):
            job.attempts -= 1
            job.availableAt = now + wait.wholeMilliseconds
        case .retry(_, let after):
            let isLast = job.attempts >= attempts
            if isLast != (answer == .exhausted) {
                complain("\(settlement.id) was \(answer) after \(job.attempts) attempts")
            }
            if isLast { job.end = .dead }
            job.availableAt = now + (after?.wholeMilliseconds ?? Ledger.backoff(job.attempts))
        }
        jobs[settlement.id] = job
    }

    /// The policy's, without jitter.
    static func backoff(_ attempt: Int) -> Int { min(60_000, 2000 << min(attempt - 1, 10)) }

    mutating func extended(_ leases: [(id: JobID, fence: String)], lost: Set<Int>) {
        for (position, lease) in leases.enumerated() {
            let isLost = jobs[lease.id]?.owner != lease.fence
            if isLost != lost.contains(position) {
                complain("\(lease.id) was \(isLost ? "kept for" : "lost to") \(lease.fence)")
            }
        }
    }

    mutating func noticed(_ notice: QueueNotice, at now: Int) {
        guard var job = jobs[notice.id] else { return complain("\(notice.id) was noticed and never was") }
        switch notice.what {
        case .recovered, .poison:
            if job.owner == nil || job.end != nil { complain("\(notice.id) was recovered from nobody") }
            job.owner = nil
            job.attempts = max(0, job.attempts - 1)
            job.crashes += 1
            job.availableAt = now
            if (job.crashes >= 3) != (notice.what == .poison) {
                complain("\(notice.id) was \(notice.what) at crash \(job.crashes)")
            }
            if notice.what == .poison { job.end = .dead }
        case .parked: break
        case .expired: complain("\(notice.id) expired and never should")
        }
        jobs[notice.id] = job
    }

    mutating func abandoned(_ ids: [JobID], fence: String, at now: Int) {
        let ours = jobs.filter { $0.value.owner == fence }.map(\.key)
        if Set(ids) != Set(ours) { complain("abandoning \(fence) gave back \(ids.count) of \(ours.count)") }
        for id in ids {
            jobs[id]?.owner = nil
            jobs[id]?.attempts -= 1
            jobs[id]?.availableAt = now
        }
    }

    mutating func canceled(_ id: JobID, _ result: CancelResult) {
        let end = jobs[id]?.end
        switch result {
        case .waiting, .due, .running:
            if end != nil { complain("\(id) was there after its end") }
            if (result == .running) != (jobs[id]?.owner != nil) { complain("\(id) was canceled \(result)") }
            jobs[id]?.end = .canceled
            jobs[id]?.owner = nil
        case .dead: if end != .dead { complain("\(id) was dead and nobody was told") }
        case .missing: if end == nil || end == .dead { complain("\(id) was gone before its end") }
        }
    }

    mutating func replayed(_ id: JobID, _ result: ReplayResult, at now: Int) {
        guard var job = jobs[id] else { return }
        if case .superseded(let holder) = result {
            // Another fire of its entry waits or runs.
            if jobs[holder]?.end != nil || job.end != .dead { complain("\(id) was superseded by \(holder)") }
            return
        }
        if (result == .replayed) != (job.end == .dead) {
            complain("\(id) was \(result) and had ended as \(String(describing: job.end))")
        }
        guard result == .replayed else { return }
        counter += 1
        job.order = counter
        job.end = nil
        job.attempts = 0
        job.crashes = 0
        job.availableAt = now
        jobs[id] = job
    }

    // MARK: Recurring entries

    mutating func registered(_ name: String, nextFire: Int) { nextFires[name] = nextFire }

    mutating func fired(
        _ name: String,
        expected: Int,
        next: Int,
        _ result: FireResult,
        _ envelope: JobEnvelope,
        at now: Int
    ) {
        let isTurn = nextFires[name] == expected
        if isTurn != (result != .lost) { complain("\(name) at \(expected) was \(result), out of turn") }
        guard result != .lost else { return }
        nextFires[name] = next
        guard result == .fired else { return }
        if !fired.insert("\(name) \(expected)").inserted { complain("\(name) fired twice at \(expected)") }
        enqueued(JobID("cron:\(name):\(expected)"), envelope, availableAt: now)
    }
}

extension Duration {
    var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }
}
