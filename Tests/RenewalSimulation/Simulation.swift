package import Domain
import Foundation

/// One seed's world: some subscriptions, three workers, a queue that loses and doubles, PayPal, and everything that breaks.
///
/// The reducer is production's own; so is the protocol: state is committed before anything is sent, what is learned is
/// committed after. Each step between is a place where the worker may die, or freeze for hours and go on as if nothing was.
package final class Simulation {
    struct Subject {
        var state: RenewalState
        var refusal: Double
        var refusesForGood: Bool
        var firstPeriod: Int
        /// When a job of it is in the queue.
        var queuedAt: Double?
        /// How often we told that a period is paid.
        var told: [Int: Int] = [:]
        var revokes = 0
        var endedAt: Double?
        var openAtOnce = 0
    }

    struct Worker {
        var life = 0
        var isBusy = false
    }

    enum Step {
        case send(ChargeAttempt.Key, fence: Int, committedAt: Double)
        case capture(ChargeAttempt.Key, fence: Int, order: String, committedAt: Double)
        case lookUp(ChargeAttempt.Key, fence: Int)
        case write(RenewalEvent)
    }

    enum Happening {
        case job(Int, RenewalEvent)
        case step(worker: Int, life: Int, subject: Int, Step)
        case restart(Int)
        case webhook(Int, ChargeAttempt.Key, ChargeFact)
        case decide(order: Int)
        case end(Int, RenewalEnd)
        case sweep
        case operate(Int, period: Int)
        /// The operator chooses the other form for what is charged from now on.
        case reform
        case heal
    }

    let reducer: RenewalReducer
    var chance: Chance
    var paypal: ModelPayPal
    var subjects: [Subject] = []
    var workers = Array(repeating: Worker(), count: 3)
    var agenda = Agenda<Happening>()
    var now = 0.0
    let horizon: Double
    let hasOperator: Bool
    var violations: [String] = []
    var parked = 0
    var history: [String]?

    static let day = 86_400.0
    static let hour = 3600.0
    /// So that months of every length come by.
    private static let start = 1_800_000_000.0
    static func date(_ time: Double) -> Date { Date(timeIntervalSince1970: start + time) }
    static func time(_ date: Date) -> Double { date.timeIntervalSince1970 - start }

    package init(seed: Int, rules: RenewalRules = .all, keepsHistory: Bool = false) {
        reducer = RenewalReducer(rules: rules)
        chance = Chance(seed: seed)
        history = keepsHistory ? [] : nil
        let frequency = chance.one(of: [BillingFrequency.day, .day, .week, .month])
        horizon = (frequency == .day ? 12 : frequency == .week ? 40 : 95) * Self.day
        hasOperator = chance.hits(0.5)
        let blocks = chance.hits(0.5)
        paypal = ModelPayPal(blocksDuplicates: blocks, hasSearch: chance.hits(0.7))
        let isProven = blocks && chance.hits(0.8)
        let form: RenewalState.Form = chance.hits(0.2) ? .twoStep : .oneStep
        for _ in 0..<Int(chance.share() * 5) {
            let from = chance.share() * horizon
            paypal.outages.append(from..<(from + chance.one(of: [0.2, 1, 5, 7, 20, 50]) * Self.hour))
        }
        for _ in 0..<8 { addSubject(frequency, form, isProven) }
        for subject in subjects.indices where chance.hits(0.3) {
            let reason = chance.one(of: [RenewalEnd.canceled, .refunded])
            agenda.add(.end(subject, reason), at: chance.share() * horizon)
        }
        if chance.hits(0.03) {
            let at = chance.share() * horizon
            for subject in subjects.indices { agenda.add(.end(subject, .disconnected), at: at) }
        }
        agenda.add(.sweep, at: Self.hour)
        if seed.isMultiple(of: 5) { for part in 1...3 { agenda.add(.reform, at: horizon * Double(part) / 4) } }
        agenda.add(.heal, at: horizon)
    }

    private func addSubject(_ frequency: BillingFrequency, _ form: RenewalState.Form, _ guardsInvoices: Bool) {
        let spread = frequency == .day ? 1.0 : frequency == .week ? 6 : 25
        let anchor = chance.share() * spread * Self.day
        let isTrial = chance.hits(0.3)
        let first = isTrial ? 0 : 1
        var state = RenewalState(
            anchor: Self.date(anchor),
            frequency: frequency,
            form: form,
            guardsInvoices: guardsInvoices,
            status: isTrial ? .trialing : .active,
            current: first,
            frontier: first,
            nextActionAt: nil
        )
        state.nextActionAt = state.due(first)
        subjects.append(
            Subject(
                state: state,
                refusal: chance.one(of: [0, 0, 0, 0.3, 1]),
                refusesForGood: chance.hits(0.15),
                firstPeriod: first
            )
        )
        enqueueNext(subjects.count - 1)
    }

    /// The violations; none is what we want. Ends at the first one that PayPal's ledger shows.
    package func run() -> [String] {
        let end = horizon + 12 * Self.day
        var happenings = 0
        while let (time, happening) = agenda.next(), time <= end {
            now = time
            take(happening)
            happenings += 1
            if !paypal.complaints.isEmpty || !violations.isEmpty { return paypal.complaints + violations }
            if happenings > Self.most { return ["I10 it never comes to rest"] }
        }
        now = end
        return judge()
    }

    // Because eight jobs that ask every ten seconds while all workers are frozen for thirty hours are no storm yet.
    private static let most = 5_000_000

    package var figures: (captures: Int, requests: Int, parked: Int) {
        (paypal.captures.count, paypal.requests, parked)
    }

    package var story: [String] { history ?? [] }

    private func take(_ happening: Happening) {
        switch happening {
        case .job(let subject, let event): startJob(subject, event)
        case .step(let worker, let life, let subject, let step): take(step, of: subject, worker, life)
        case .restart(let worker): workers[worker].isBusy = false
        case .webhook(let subject, let key, let fact): commit(.learned(key, fact), of: subject)
        case .decide(let order):
            paypal.decideLate(order, at: now, &chance)
            sendWebhooks()
        case .end(let subject, let reason): commit(.end(reason), of: subject)
        case .sweep: sweep()
        case .operate(let subject, let period): operate(subject, period)
        case .reform:
            for subject in subjects.indices {
                subjects[subject].state.form = subjects[subject].state.form == .oneStep ? .twoStep : .oneStep
            }
        case .heal: paypal.fails = false
        }
    }

    // MARK: The store

    /// One transaction: whole or not at all, one after another.
    @discardableResult
    func commit(_ event: RenewalEvent, of subject: Int) -> [RenewalCommand] {
        let before = subjects[subject].state
        let (state, commands) = reducer.reduce(before, event, at: Self.date(now))
        subjects[subject].state = state
        let open = state.attempts.count { $0.state.isOpen }
        subjects[subject].openAtOnce = max(subjects[subject].openAtOnce, open)
        if subjects[subject].endedAt == nil, state.endedAt != nil { subjects[subject].endedAt = now }
        history?.append("\(Int(now)) s\(subject) \(event) -> \(commands) \(state.status) next \(state.current)")
        for command in commands {
            switch command {
            case .tell(.paid(let period, _)): subjects[subject].told[period, default: 0] += 1
            case .tell(.revoked): subjects[subject].revokes += 1
            case .alarm(let alarm): hear(alarm, of: subject)
            case .tell, .send, .lookUp: break
            }
        }
        enqueueNext(subject)
        return commands
    }

    private func hear(_ alarm: RenewalAlarm, of subject: Int) {
        switch alarm {
        case .unprovable(let key):
            parked += 1
            if hasOperator {
                agenda.add(.operate(subject, period: key.period), at: now + (1 + chance.share() * 2) * Self.day)
            }
        case .overdue(let periods):
            guard hasOperator else { return }
            for period in periods {
                agenda.add(.operate(subject, period: period), at: now + (0.2 + chance.share() * 2) * Self.day)
            }
        case .chargedTwice(let period, _, _): violations.append("I1 we noticed that period \(period) was charged twice")
        case .capturedAfterEnd, .unpaidAfterAll, .mismatch, .merchantRefused: break
        }
    }

    // MARK: Around it

    /// The queue's job for the next look; the queue loses one in a hundred.
    private func enqueueNext(_ subject: Int) {
        guard let wake = subjects[subject].state.wakeAt.map(Self.time) else { return }
        let at = max(wake, now + 1) + chance.share() * 5
        if let queued = subjects[subject].queuedAt, queued <= at { return }
        if paypal.fails, chance.hits(0.01) { return }
        enqueue(subject, at: at)
    }

    func enqueue(_ subject: Int, at time: Double) {
        subjects[subject].queuedAt = time
        agenda.add(.job(subject, .wake), at: time)
        if paypal.fails, chance.hits(0.03) { agenda.add(.job(subject, .wake), at: time + chance.share() * 20) }
    }

    private func sweep() {
        for subject in subjects.indices {
            guard let wake = subjects[subject].state.wakeAt.map(Self.time), wake <= now else { continue }
            if let queued = subjects[subject].queuedAt, queued >= now - Self.hour { continue }
            enqueue(subject, at: now + chance.share() * 10)
        }
        agenda.add(.sweep, at: now + Self.hour)
    }

    func sendWebhooks() {
        let news = paypal.news
        paypal.news = []
        for (subject, key, fact) in news {
            if case .declined = fact, chance.hits(0.5) { continue }  // a refused order has no capture to tell of
            if paypal.fails, chance.hits(0.01) { continue }  // lost for good
            for _ in 0..<(chance.hits(0.9) ? 1 : 3) {
                let late = chance.hits(0.05) ? chance.share() * 2 * Self.day : 0
                agenda.add(.webhook(subject, key, fact), at: now + chance.wait(40) + late)
            }
        }
        for order in paypal.undecided {
            agenda.add(.decide(order: order), at: now + chance.wait(6 * Self.hour))
        }
        paypal.undecided = []
    }

    /// A person looks at what is in review, in PayPal's own pages, and decides by what stands there.
    private func operate(_ subject: Int, _ period: Int) {
        guard let row = subjects[subject].state.period(period), row.status.isOwed else { return }
        if paypal.isDeciding(period, of: subject) {
            return agenda.add(.operate(subject, period: period), at: now + Self.day)
        }
        let capture = paypal.captures.first { $0.subscription == subject && $0.key.period == period }
        let isOpen = subjects[subject].state.attempts.contains { $0.key.period == period && $0.state.isOpen }
        if let capture {
            commit(.resolve(period: period, .paid(captureID: capture.id)), of: subject)
        } else if row.status == .review, !isOpen {
            if chance.hits(0.5) {
                commit(.resolve(period: period, .waive), of: subject)
            } else {
                agenda.add(.job(subject, .chargeNow(period: period)), at: now + 1)
            }
        } else {
            commit(.resolve(period: period, chance.hits(0.8) ? .unpaid : .waive), of: subject)
        }
    }
}
