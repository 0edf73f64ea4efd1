import Foundation
import Jobs
import Redis
import TestKit
import Testing

/// Workers that crash, stall, lose answers and fail at random, on one queue whose time is theirs. A seed replays.
@Suite struct `A bad day` {
    static let seeds: [UInt64] = {
        let count = ProcessInfo.processInfo.environment["SIMULATION_SEEDS"].flatMap { UInt64($0) } ?? 6
        return Array(1...max(1, count))
    }()

    @Test(arguments: seeds)
    func `nothing is lost, nothing is acknowledged twice, groups keep their order`(seed: UInt64) async throws {
        var day = try await BadDay(seed: seed)
        try await day.run()
        #expect(day.complaints == [])
        #expect(try await day.queue.keysLeft() == [])
        #expect(try await day.queue.count("bytes") == 0)
    }
}

struct BadDay {
    struct Job {
        var group: String?
        var order: Int
        var isAcknowledged = false
        var isDead = false
    }

    struct Held {
        var lease: Lease
        var isStalled = false
    }

    let queue: TestQueue
    let isOrdered: Bool
    var random: SplitMix
    var jobs: [JobID: Job] = [:]
    var held: [Held] = []
    var complaints: [String] = []
    private var acknowledged: [String: Int] = [:]
    private var made = 0

    init(seed: UInt64) async throws {
        queue = try await TestQueue()
        random = SplitMix(state: seed)
        // A third of the days give order up: for more slots, or to let others pass during a retry.
        isOrdered = seed % 3 != 0
        let backoff = Backoff.exponential(from: .seconds(2), jitter: 1)
        try await queue.setPolicy(
            JobPolicy(attempts: 1000, backoff: backoff, holdsGroup: seed % 6 != 0, groupSlots: isOrdered ? 1 : 2)
        )
    }

    mutating func run() async throws {
        while made < 250 {
            try await step()
        }
        // The day is over: time passes, and careful workers finish what is left.
        held = []
        for _ in 0..<400 {
            try await queue.pass(.seconds(31))
            let leased = try await queue.lease(500)
            note(leased.notices)
            let leases = leased.leases
            check(leases)
            for lease in leases { try await acknowledge(lease) }
            if leases.isEmpty, try await queue.jobs.stats(of: queue.name).held == deadCount { break }
        }
        for (id, job) in jobs where !job.isAcknowledged && !job.isDead { complaints.append("\(id) was lost") }
        let letters = try await queue.jobs.dead(on: queue.name, count: 500).letters
        let dead = letters.map(\.id)
        for letter in letters where jobs[letter.id]?.isDead != true {
            complaints.append("\(letter.id) is dead and nobody was told: \(letter.reason)")
        }
        if Set(dead) != Set(jobs.filter { $0.value.isDead }.keys) { complaints.append("dead letters differ") }
        _ = try await queue.jobs.discard(dead, on: queue.name)
    }

    private var deadCount: Int { jobs.values.count { $0.isDead } }

    private mutating func step() async throws {
        switch Int.random(in: 0..<22, using: &random) {
        case 0..<4: try await enqueue()
        case 4..<8: try await lease()
        case 8..<13: try await settleSome()
        case 13, 14: try await queue.pass(.milliseconds(Int.random(in: 1...8_000, using: &random)))
        case 15: try await extendSome()
        case 16: crash()
        case 17: stall()
        case 18: _ = note(try await queue.jobs.recover(on: queue.name))
        case 19: try await loseAnswer()
        case 20: try await park()
        default: try await cancel()
        }
    }

    // MARK: What can happen

    private mutating func enqueue() async throws {
        var requests: [EnqueueRequest] = []
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            made += 1
            let id = JobID("job-\(made)")
            var envelope = JobEnvelope(kind: "t.work", payload: [1, 2, 3])
            envelope.priority = JobPriority.allCases.randomElement(using: &random) ?? .normal
            if Bool.random(using: &random) { envelope.group = "g\(Int.random(in: 0..<12, using: &random))" }
            if Int.random(in: 0..<5, using: &random) == 0 { envelope.uniqueKey = "u\(made)" }
            // Delayed jobs of a group would join it later than they were made.
            let isDelayed = envelope.group == nil && Int.random(in: 0..<4, using: &random) == 0
            let time: JobTime = isDelayed ? .after(.milliseconds(Int.random(in: 1...20_000, using: &random))) : .now
            requests.append(EnqueueRequest(id: id, time: time, envelope: envelope))
            jobs[id] = Job(group: envelope.group, order: made)
        }
        let results = try await queue.jobs.enqueueEnvelopes(requests, on: queue.name)
        if Int.random(in: 0..<4, using: &random) == 0 {
            // The answer was lost, the producer sends again.
            let again = try await queue.jobs.enqueueEnvelopes(requests, on: queue.name)
            if again != requests.map({ .duplicate($0.id) }) {
                complaints.append("a batch sent again was not a duplicate")
            }
        }
        if results != requests.map({ .enqueued($0.id) }) { complaints.append("a new batch was not enqueued") }
    }

    private mutating func lease() async throws {
        let leased = try await queue.lease(Int.random(in: 1...9, using: &random))
        note(leased.notices)
        check(leased.leases)
        held += leased.leases.map { Held(lease: $0) }
    }

    private mutating func settleSome() async throws {
        for index in held.indices.shuffled(using: &random).prefix(4).sorted(by: >) {
            let lease = held.remove(at: index).lease
            switch Int.random(in: 0..<12, using: &random) {
            case 0: _ = try await queue.settle(lease, .retry(error: "no luck"))
            case 1:
                _ = try await queue.settle(lease, .snoozed(.milliseconds(Int.random(in: 1...9_000, using: &random))))
            case 2: _ = try await queue.settle(lease, .released)
            case 3 where Bool.random(using: &random):
                if try await queue.settle(lease, .dead(reason: "enough")) == .settled { bury(lease.id) }
            default: try await acknowledge(lease)
            }
        }
    }

    private mutating func extendSome() async throws {
        let pairs = held.filter { !$0.isStalled }.map { (id: $0.lease.id, fence: $0.lease.fence) }
        let lost = try await queue.jobs.extend(pairs, on: queue.name)
        held.removeAll { !$0.isStalled && lost.contains($0.lease.id) }
    }

    /// A worker and all it holds are gone.
    private mutating func crash() {
        guard let fence = held.randomElement(using: &random)?.lease.fence else { return }
        held.removeAll { $0.lease.fence == fence }
    }

    /// It will settle one day, much too late.
    private mutating func stall() {
        guard !held.isEmpty else { return }
        held[Int.random(in: 0..<held.count, using: &random)].isStalled = true
    }

    /// It leased and never heard which; it gives the fence back.
    private mutating func loseAnswer() async throws {
        let fence = JobID().text
        let leased = try await queue.lease(3, fence: fence)
        note(leased.notices)
        check(leased.leases)
        if Bool.random(using: &random) {
            let back = try await queue.jobs.abandon(fence: fence, on: queue.name)
            if Set(back) != Set(leased.leases.map(\.id)) { complaints.append("abandon gave back others") }
        }
    }

    /// A worker of another release looks first.
    private mutating func park() async throws {
        let leased = try await queue.lease(3, kinds: [KnownKind("t.other")])
        note(leased.notices)
        if !leased.leases.isEmpty { complaints.append("a worker was given what it does not know") }
    }

    private mutating func cancel() async throws {
        guard Int.random(in: 0..<3, using: &random) == 0, made > 0 else { return }
        let id = JobID("job-\(Int.random(in: 1...made, using: &random))")
        switch try await queue.jobs.cancel(id, on: queue.name) {
        case .waiting, .due, .running:
            if jobs[id]?.isAcknowledged == true { complaints.append("\(id) was there after its end") }
            jobs[id]?.isAcknowledged = true
        case .dead:
            if jobs[id]?.isDead != true { complaints.append("\(id) was dead and nobody told") }
        case .missing:
            if jobs[id]?.isAcknowledged != true { complaints.append("\(id) was gone before its end") }
        }
    }

    // MARK: What must hold

    private mutating func acknowledge(_ lease: Lease) async throws {
        guard try await queue.settle(lease, .done) == .settled else { return }
        guard var job = jobs[lease.id] else { return complaints.append("\(lease.id) came from nowhere") }
        if job.isAcknowledged { complaints.append("\(lease.id) was acknowledged twice") }
        if job.isDead { complaints.append("\(lease.id) rose from the dead") }
        job.isAcknowledged = true
        jobs[lease.id] = job
        guard let group = job.group, isOrdered else { return }
        if acknowledged[group, default: 0] > job.order {
            complaints.append("\(lease.id) came out of order in \(group)")
        }
        acknowledged[group] = job.order
    }

    /// No job of a group may be leased while an earlier one is not settled.
    private mutating func check(_ leases: [Lease]) {
        for lease in leases {
            guard let job = jobs[lease.id] else { continue }
            if job.isAcknowledged || job.isDead { complaints.append("\(lease.id) was leased after its end") }
            guard isOrdered, let group = job.group else { continue }
            let earlier = jobs.values.contains {
                $0.group == group && $0.order < job.order && !$0.isAcknowledged && !$0.isDead
            }
            if earlier { complaints.append("\(lease.id) was leased before its turn in \(group)") }
        }
    }

    @discardableResult
    private mutating func note(_ notices: [QueueNotice]) -> Int {
        for notice in notices where notice.what == .poison { bury(notice.id) }
        return notices.count
    }

    private mutating func bury(_ id: JobID) { jobs[id]?.isDead = true }
}

/// A small generator whose sequence is ours, so that a seed means the same everywhere.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
