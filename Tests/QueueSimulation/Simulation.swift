package import Foundation
package import Jobs
import Logging
package import Redis

/// Seeded days in the life of one queue: producers, workers, nodes that look at the recurring entries and an operator take
/// turns in an order that the seed decides, each turn one call to a real Redis whose clock is the simulation's. Workers
/// crash, stall past their leases and go on, and lose answers; the clock jumps. A `Ledger` sees every answer and complains.
package struct Simulation {
    package struct Report: Sendable, Hashable {
        package var seed: UInt64
        package var complaints: [String]
        package var turns = 0
        package var jobs = 0
        /// The same for the same seed, wherever and whenever it runs.
        package var digest: UInt64 = 0xcbf2_9ce4_8422_2325
    }

    package static let queue: QueueName = "q"
    private static let start = 1_767_268_800_000
    private static let attempts = 6
    private static let kinds: [JobKind] = ["t.plain", "t.group", "t.cron"]

    package private(set) var report: Report
    private let jobs: JobQueue
    private let policies: [(kind: JobKind, policy: JobPolicy)]
    private var random: SplitMix
    private var ledger: Ledger
    private var workers: [SimulatedWorker]
    private var entries: [String: Schedule] = [:]
    /// What each node saw of an entry and has not acted on.
    private var seen: [(name: String, expected: Int, next: Date)?] = [nil, nil, nil]
    private var now = Simulation.start
    private var made = 0
    private var isPaused = false
    private let trace: (@Sendable (String) -> Void)?

    /// - Parameter trace: is told of every turn.
    package init(
        seed: UInt64,
        redis: RedisClient,
        prefix: String,
        sabotage: Sabotage? = nil,
        trace: (@Sendable (String) -> Void)? = nil
    ) {
        report = Report(seed: seed, complaints: [])
        random = SplitMix(state: seed)
        self.trace = trace
        jobs = JobQueue(redis: redis, prefix: prefix, scripts: sabotage?.scripts ?? .written, logger: .mute)
        // A third of the days give order up: for more slots, or to let others pass during a retry.
        let isOrdered = seed % 3 != 0
        ledger = Ledger(isOrdered: isOrdered, attempts: Self.attempts)
        let backoff = Backoff.exponential(from: .seconds(2), upTo: .seconds(60), jitter: 0)
        policies = Self.kinds.map {
            let policy = JobPolicy(
                attempts: Self.attempts,
                backoff: backoff,
                lease: .seconds(20),
                holdsGroup: seed % 6 != 0,
                groupSlots: isOrdered ? 1 : 2
            )
            return ($0, policy)
        }
        let all = Self.kinds.map { KnownKind($0) }
        workers = (1...4).map { SimulatedWorker(name: "w\($0)", kinds: $0 == 4 ? [all[0]] : all) }
    }

    // MARK: A day

    package mutating func run(turns: Int = 450) async throws {
        try await setClock()
        try await register()
        for _ in 0..<turns where ledger.complaints.isEmpty {
            report.turns += 1
            try await turn()
        }
        if ledger.complaints.isEmpty { try await finish() }
        report.complaints = ledger.complaints.sorted()
        report.jobs = ledger.jobs.count
    }

    private mutating func turn() async throws {
        switch random.number(0...59) {
        case 0...6: try await enqueue()
        case 7...12: try await pass(random.number(1...6_000))
        case 13: try await pass(random.number(15_000...40_000))
        case 14: try await jump()
        case 15...18: try await look()
        case 19...21: try await fire()
        case 22: try await operate()
        case 23: try await verify()
        case 24: crash()
        case 25, 26: stall()
        default: try await work()
        }
    }

    /// The day is over: careful workers finish what is left, and nothing may stay behind.
    private mutating func finish() async throws {
        if isPaused { try await jobs.resume(Self.queue) }
        isPaused = false
        workers = [SimulatedWorker(name: "last", kinds: Self.kinds.map { KnownKind($0) })]
        for _ in 0..<300 {
            guard !ledger.unfinished.isEmpty, ledger.complaints.isEmpty else { break }
            try await pass(4_500)
            try await lease(0, count: 100, hears: true)
            workers[0].ended += workers[0].running.map { Settlement($0.lease, .done) }
            workers[0].running = []
            try await settle(0, hears: true)
        }
        for id in ledger.unfinished.prefix(5) { ledger.complain("\(id) was lost") }
        let letters = try await jobs.dead(on: Self.queue, count: 500).letters.map(\.id)
        if Set(letters) != Set(ledger.dead) { ledger.complain("the dead letters differ") }
        try await verify()
        _ = try await jobs.discard(letters, on: Self.queue)
        let stats = try await jobs.stats(of: Self.queue)
        if stats.held != 0 || stats.totals["bytes"] != 0 { ledger.complain("something is left: \(stats.held) jobs") }
        try await clear()
    }

    // MARK: Producers

    private mutating func enqueue() async throws {
        var requests: [EnqueueRequest] = []
        var times: [Int] = []
        for _ in 0..<random.number(1...4) {
            made += 1
            let isGrouped = Bool.random(using: &random)
            var envelope = JobEnvelope(kind: isGrouped ? "t.group" : "t.plain", payload: [1, 2, 3])
            envelope.priority = JobPriority.allCases.randomElement(using: &random) ?? .normal
            if isGrouped { envelope.group = "g\(random.number(1...6))" }
            if random.once(in: 5) { envelope.uniqueKey = "u\(made)" }
            // Delayed jobs of a group would join it later than they were made. Producers' clocks are wrong.
            let delay = !isGrouped && random.once(in: 3) ? random.number(1...20_000) : 0
            let time: JobTime =
                delay == 0 ? .now : Bool.random(using: &random) ? .after(.milliseconds(delay)) : .at(date(now + delay))
            requests.append(EnqueueRequest(id: JobID("job-\(made)"), time: time, envelope: envelope))
            times.append(now + delay)
        }
        let results = try await jobs.enqueueEnvelopes(requests, on: Self.queue)
        for (request, time) in zip(requests, times) { ledger.enqueued(request.id, request.envelope, availableAt: time) }
        if results != requests.map({ .enqueued($0.id) }) { ledger.complain("a new batch was not enqueued") }
        note("enqueue \(requests.map { "\($0.id) \($0.time) \($0.envelope.group ?? "")" })")
        guard random.once(in: 4) else { return }
        // The answer was lost, the producer sends again.
        let again = try await jobs.enqueueEnvelopes(requests, on: Self.queue)
        if again != requests.map({ .duplicate($0.id) }) { ledger.complain("a batch sent again was not a duplicate") }
    }

    // MARK: Time

    private mutating func pass(_ ms: Int) async throws {
        now += ms
        try await setClock()
        note("\(ms) ms pass")
    }

    /// The server's clock is set.
    private mutating func jump() async throws {
        guard random.once(in: 3) else { return }
        if Bool.random(using: &random) { return try await pass(3_600_000) }
        ledger.clockWentBack()
        try await pass(-random.number(1...30_000))
    }

    private func setClock() async throws {
        try await jobs.redis.call(
            ["HSET", .text(jobs.key(Self.queue, "meta")), "testing", 1, "now", .int(now)]
        )
    }

    private func date(_ ms: Int) -> Date { Date(milliseconds: ms) }

    // MARK: The ledger's own look

    private mutating func verify() async throws {
        let verdict = try await jobs.verify(Self.queue)
        for finding in verdict.findings { ledger.complain("\(finding.fault): \(finding.name) \(finding.more)") }
    }

    /// Takes what is left of the queue away, after having looked that it is nothing but what lasts.
    private mutating func clear() async throws {
        let lasting = ["meta", "count", "pol", "cronat", "crondef", "cronjob", "cronpaused", "wake", "tat"]
        let passing =
            ["job", "st", "due", "run", "dead", "why", "parked", "rated", "gn", "r0", "r1", "r2"]
            + (1...6).map { "g:g\($0)" } + (0...made).map { "u:u\($0)" } + entries.keys.map { "u:schedule/\($0)" }
        let left = try await jobs.redis.call(["EXISTS"] + passing.map { .text(jobs.key(Self.queue, $0)) })
        if left.int != 0 { ledger.complain("\(left.int ?? 0) keys are left") }
        try await jobs.redis.call(
            ["UNLINK", "\(jobs.prefix):queues"] + lasting.map { .text(jobs.key(Self.queue, $0)) }
        )
    }

    private mutating func note(_ text: String) {
        trace?("\(now - Self.start) \(text)")
        for byte in text.utf8 { report.digest = (report.digest ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
}

// MARK: - Workers

extension Simulation {
    /// One of them takes its next step.
    private mutating func work() async throws {
        let index = random.number(0...workers.count - 1)
        guard workers[index].stalledUntil <= now else { return }
        if let fence = workers[index].unheard.last {
            workers[index].unheard.removeLast()
            let back = try await jobs.abandon(fence: fence, on: Self.queue)
            ledger.abandoned(back, fence: fence, at: now)
            return note("\(fence) abandons \(back)")
        }
        endRuns(of: index)
        switch random.number(0...9) {
        case 0, 1: try await beat(index)
        case 2: try await recover(index)
        case 3...5 where !workers[index].ended.isEmpty: try await settle(index, hears: !random.once(in: 5))
        case 6,
            7 where !workers[index].ended.isEmpty:
            try await settleAndLease(index)
        default: try await lease(index, count: random.number(1...6), hears: !random.once(in: 8))
        }
    }

    /// What has run long enough ends as it may.
    private mutating func endRuns(of index: Int) {
        let done = workers[index].running.filter { $0.endsAt <= now }
        workers[index].running.removeAll { $0.endsAt <= now }
        for run in done {
            let how: Settlement.How =
                switch random.number(0...15) {
                case 0: .retry(error: "no luck")
                case 1: .retry(error: "busy", after: .milliseconds(random.number(0...5_000)))
                case 2: .snoozed(.milliseconds(random.number(1...9_000)))
                case 3: .released
                case 4 where Bool.random(using: &random): .dead(reason: "enough")
                default: .done
                }
            workers[index].ended.append(Settlement(run.lease, how))
        }
    }

    private mutating func lease(_ index: Int, count: Int, hears: Bool) async throws {
        let request = LeaseRequest(fence: workers[index].fence(), count: count, kinds: workers[index].kinds)
        take(try await jobs.lease(request, from: Self.queue), request, index, hears: hears)
    }

    private mutating func take(_ leased: LeasedJobs, _ request: LeaseRequest, _ index: Int, hears: Bool) {
        for notice in leased.notices { ledger.noticed(notice, at: now) }
        for lease in leased.leases { ledger.leased(lease, at: now) }
        if leased.isPaused != isPaused { ledger.complain("paused: \(leased.isPaused)") }
        if !leased.isPaused, leased.leases.count < request.count {
            ledger.gotLess(knowing: Set(request.kinds.map(\.kind)), at: now)
        }
        note(
            "\(request.fence) leases \(leased.leases.map { "\($0.id)" })\(hears ? "" : ", unheard") \(leased.notices.count)"
        )
        if hears {
            for lease in leased.leases {
                workers[index].running.append(.init(lease: lease, endsAt: now + random.number(0...12_000)))
            }
        } else {
            workers[index].unheard.append(request.fence)
        }
    }

    private mutating func settle(_ index: Int, hears: Bool) async throws {
        let ended = workers[index].ended
        let answers = try await jobs.settle(ended, on: Self.queue)
        judge(ended, answers)
        if hears { workers[index].ended = [] }
    }

    private mutating func settleAndLease(_ index: Int) async throws {
        let ended = workers[index].ended
        let request = LeaseRequest(fence: workers[index].fence(), count: 3, kinds: workers[index].kinds)
        let (answers, leased) = try await jobs.settle(ended, thenLease: request, on: Self.queue)
        judge(ended, answers)
        workers[index].ended = []
        take(leased, request, index, hears: true)
    }

    private mutating func judge(_ ended: [Settlement], _ answers: [SettleAnswer]) {
        for (settlement, answer) in zip(ended, answers) { ledger.settled(settlement, answer, at: now) }
        note("settle \(zip(ended, answers).map { "\($0.id) \($0.how) \($1)" })")
    }

    private mutating func beat(_ index: Int) async throws {
        let leases = workers[index].leases
        let lost = Set(try await jobs.extendEach(leases, on: Self.queue))
        ledger.extended(leases, lost: lost)
        workers[index].lose(lost)
        note("\(workers[index].name) beats \(leases.count), lost \(lost.count)")
    }

    private mutating func recover(_ index: Int) async throws {
        let notices = try await jobs.recover(on: Self.queue)
        for notice in notices { ledger.noticed(notice, at: now) }
        note("\(workers[index].name) recovers \(notices.count)")
    }

    private mutating func crash() {
        let index = random.number(0...workers.count - 1)
        workers[index].crash()
        note("\(workers[index].name) crashes")
    }

    private mutating func stall() {
        let index = random.number(0...workers.count - 1)
        workers[index].stalledUntil = now + random.number(1_000...60_000)
        note("\(workers[index].name) stalls")
    }
}

// MARK: - Recurring entries and the operator

extension Simulation {
    private mutating func register() async throws {
        let envelope = SimulatedFire()
        let every = Schedule(.every(.seconds(7)), envelope, name: "seven", overlap: .allow)
        let skip = Schedule(.every(.seconds(11)), envelope, name: "eleven", overlap: .skip, catchUp: .none)
        _ = try await jobs.register(policies: policies, schedule: [every, skip], on: Self.queue)
        for entry in [every, skip] { entries[entry.name] = entry }
        for entry in try await jobs.schedule(of: Self.queue) {
            ledger.registered(entry.name, nextFire: entry.nextFire.milliseconds)
        }
    }

    /// A node sees what is due, and may be slow to act on it.
    private mutating func look() async throws {
        let due = try await jobs.schedule(of: Self.queue).filter { $0.nextFire.milliseconds <= now }
        guard let entry = due.randomElement(using: &random),
            let next = entries[entry.name]?.timing.next(after: date(now))
        else { return }
        let node = random.number(0...seen.count - 1)
        seen[node] = (entry.name, entry.nextFire.milliseconds, next)
        note("node \(node) sees \(entry.name)")
    }

    private mutating func fire() async throws {
        let node = random.number(0...seen.count - 1)
        guard let (name, expected, next) = seen[node] else { return }
        if !random.once(in: 4) { seen[node] = nil }
        let result = try await jobs.fire(
            name,
            expected: date(expected),
            next: next,
            enqueues: !random.once(in: 10),
            on: Self.queue
        )
        let envelope = try JobEnvelope(SimulatedFire())
        ledger.fired(name, expected: expected, next: next.milliseconds, result, envelope, at: now)
        note("node \(node) fires \(name) \(result)")
    }

    private mutating func operate() async throws {
        switch random.number(0...3) {
        case 0:
            if isPaused { try await jobs.resume(Self.queue) } else { try await jobs.pause(Self.queue) }
            isPaused.toggle()
            note("paused: \(isPaused)")
        case 1:
            guard let id = ledger.dead.randomElement(using: &random) else { return }
            let result = try await jobs.replay([id], on: Self.queue)[0]
            ledger.replayed(id, result, at: now)
            note("\(id) \(result)")
        default:
            guard made > 0 else { return }
            let id = JobID("job-\(random.number(1...made))")
            let result = try await jobs.cancel(id, on: Self.queue)
            ledger.canceled(id, result)
            note("cancel \(id) \(result)")
        }
    }
}

/// What a recurring entry enqueues.
private struct SimulatedFire: Job {
    static let kind: JobKind = "t.cron"
    static let queue = Simulation.queue

    func run(_ nothing: Void, _ context: JobContext) async throws -> JobOutcome { .done }
}

extension Logger {
    /// Says nothing.
    fileprivate static var mute: Logger { Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() } }
}
