import Domain
import Foundation
import FulfillmentJobs
import Jobs
import Logging
import PayPal
import RenewalJobs
import SandboxPages
import Store

/// Lives through a year, hour by hour where anything happens: the production jobs charge and apply events, the plan says what
/// the world does.
actor YearRun {
    private let ground: YearGround
    private let plan: YearPlan
    private let buyers: [VaultSubscription.ID: YearPlan.Buyer]
    private var now: Date
    /// Buyers who have yet to leave or to be refunded, the next one last.
    private var leaving: [YearPlan.Buyer]
    private var refunding: [YearPlan.Buyer]
    /// Events that come an hour late, or when PayPal is back.
    private var late: [(id: String, type: String, body: [UInt8])] = []
    /// When a person next looks at what came into review.
    private var decides: Date?
    private(set) var tally = YearTally()

    private static let hour = 3600.0
    /// A charge that came to nothing is replaced at once: more than one look may be due in an hour.
    private static let looks = 6

    init(_ ground: YearGround) {
        self.ground = ground
        plan = ground.plan
        buyers = Dictionary(ground.plan.buyers.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        now = ground.plan.start
        leaving = ground.plan.buyers.filter { $0.cancels != nil }
            .sorted { ($1.cancels ?? .distantPast, $1.number) < ($0.cancels ?? .distantPast, $0.number) }
        refunding = ground.plan.buyers.filter { $0.wantsMoneyBack != nil }
            .sorted { ($1.wantsMoneyBack ?? .distantPast, $1.number) < ($0.wantsMoneyBack ?? .distantPast, $0.number) }
    }

    func live(_ progress: TimedProgress) async throws {
        let merchants = try await ground.addMerchants()
        for buyer in plan.buyers { try await ground.add(buyer, of: merchants[buyer.merchant]) }
        _ = ground.sandbox.takeEvents()  // of saving the payment methods
        let hours = Int(plan.end.timeIntervalSince(plan.start) / Self.hour)
        while let next = try await nextHour() {
            ground.sandbox.advance(by: next.timeIntervalSince(now))
            now = next
            try await liveThroughHour()
            progress.show(Int(now.timeIntervalSince(plan.start) / Self.hour), of: hours)
        }
        // What is on its way at the end of the year comes to its end.
        ground.sandbox.advance(by: plan.end.timeIntervalSince(now))
        now = plan.end
        try await deliver(isEnd: true)
    }

    /// The next full hour at which anything happens; nil when the year is over.
    private func nextHour() async throws -> Date? {
        let due = try await ground.store.read { [end = plan.end] in try $0.dueRenewals(by: end, limit: 1).first?.at }
        let dates = [due, leaving.last?.cancels, refunding.last?.wantsMoneyBack, decides, late.isEmpty ? nil : now]
        let next = dates.compactMap { $0 }.min() ?? plan.end
        let passed = (max(next, now).timeIntervalSince(plan.start) / Self.hour).rounded(.up) * Self.hour
        let hour = max(plan.start + passed, now + Self.hour)
        return hour < plan.end ? hour : nil
    }

    private func liveThroughHour() async throws {
        // PayPal's word on our token is heard before anything depends on it.
        _ = await ground.paypal.webhooks()
        try await letBuyersGo()
        if !plan.areWeAway(at: now) {
            for _ in 0..<Self.looks where try await charge() == 0 { break }
        }
        ground.sandbox.clearFaults()
        try await deliver(isEnd: false)
        if !plan.areWeAway(at: now) { try await decide() }
    }

    // MARK: Buyers

    private func letBuyersGo() async throws {
        while let buyer = leaving.last, let at = buyer.cancels, at <= now {
            leaving.removeLast()
            let wasRunning = try await ground.store.transaction { [now] in try $0.cancel(buyer.id, at: now) }
            if wasRunning { tally.canceled += 1 }
        }
        while let buyer = refunding.last, let at = buyer.wantsMoneyBack, at <= now, !plan.isPayPalAway(at: now) {
            refunding.removeLast()
            let prefix = "sandbox-\(buyer.id)-"
            guard
                let capture = ground.sandbox.money.last(where: {
                    $0.kind == .capture && $0.invoiceID?.hasPrefix(prefix) == true
                })
            else { continue }
            let answer = await ground.paypal.refund(
                capture: capture.capture,
                of: YearGround.payPalID(ofMerchant: buyer.merchant),
                details: CallDetails(requestID: "ref-\(capture.capture)")
            )
            if answer.value != nil { tally.refunded += 1 }
        }
    }

    // MARK: Charging

    /// Looks after all that is due now; answers how many that were.
    private func charge() async throws -> Int {
        var due: [DueRenewal] = []
        repeat {
            let page = try await ground.store.read { [now, last = due.last] in
                try $0.dueRenewals(by: now, after: last, limit: 500)
            }
            due += page
            if page.count < 500 { break }
        } while true
        guard !due.isEmpty else { return 0 }
        ground.sandbox.clearFaults()
        for one in due { arrange(one) }
        try await run(due.map { ChargeRenewal($0) })
        return due.count
    }

    /// Tells the pretended PayPal what becomes of what is sent for this buyer.
    private func arrange(_ due: DueRenewal) {
        guard let buyer = buyers[due.subscription] else { return }
        let ours = "rn:sandbox:\(buyer.id):"
        func add(_ kind: PayPalFault.Kind, _ contains: String, _ change: (inout PayPalFault) -> Void = { _ in }) {
            var fault = PayPalFault(kind, call: "orders.create")
            fault.contains = contains
            change(&fault)
            ground.sandbox.add(fault)
        }
        // What is lost before PayPal sees it comes first, what is lost after it was done last.
        let trouble = plan.trouble(for: buyer, at: now)
        tally.count(trouble)
        switch trouble {
        case .lostRequest: add(.resetBefore, ours)
        case .serverError: add(.error, ours) { $0.status = 503 }
        case .none, .lostAnswer, .lateServerError: break
        }
        for number in 1...3 {
            let key = ChargeAttempt.Key(period: due.period, number: number, seq: 0)
            let tries = ours + "\(due.period):\(number):"
            switch plan.answer(to: key, of: buyer) {
            case .pays: break
            case .declined(let issue): add(.decline, tries) { $0.issue = issue }
            case .captureDeclined: add(.captureDeclined, tries) { $0.responseCode = "5120" }
            }
        }
        switch trouble {
        case .lostAnswer: add(.resetAfter, ours)
        case .lateServerError:
            add(.error, ours) { fault in
                fault.after = true
                fault.status = 502
            }
        default: break
        }
    }

    private func run(_ jobs: [ChargeRenewal]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, job) in jobs.enumerated() {
                if index >= 8 { try await group.next() }
                group.addTask { [deps = ground.renewals, context = context(ChargeRenewal.kind)] in
                    _ = try await job.run(deps, context)
                }
            }
            try await group.waitForAll()
        }
    }

    private func context(_ kind: JobKind) -> JobContext {
        JobContext(
            id: "year",
            kind: kind,
            queue: .renewals,
            enqueuedAt: now,
            now: { [now] in now },
            logger: ground.logger
        )
    }

    // MARK: PayPal's events

    /// Nothing comes while PayPal is away.
    private func deliver(isEnd: Bool) async throws {
        if plan.isPayPalAway(at: now), !isEnd {
            late += ground.sandbox.takeEvents()
            return
        }
        let waited = late
        late = []
        for event in waited { try await apply(event) }
        for event in ground.sandbox.takeEvents() {
            switch isEnd ? .once : plan.post(Self.about(event)) {
            case .once: try await apply(event)
            case .twice:
                try await apply(event)
                try await apply(event)
            case .late: late.append(event)
            case .lost: tally.lostEvents += 1
            }
        }
    }

    private func apply(_ event: (id: String, type: String, body: [UInt8])) async throws {
        let job = ApplyPayPalEvent(body: event.body, transmission: nil, receivedAt: now - 60)
        _ = try await job.run(ground.fulfillment, context(ApplyPayPalEvent.kind))
    }

    /// An event's type and the charge that it tells of, by the names that we gave: its own id is another in each year.
    private static func about(_ event: (id: String, type: String, body: [UInt8])) -> String {
        let resource = JSON(parsing: event.body)?["resource"] ?? .null
        let name = resource["custom_id"].string ?? resource["purchase_units"][0]["custom_id"].string
        return "\(event.type)/\(name ?? resource["invoice_id"].string ?? "-")"
    }

    // MARK: A person

    /// A day after something came into review a person looks at PayPal's pages and says what is so; pauses are ended.
    private func decide() async throws {
        if !(try await ground.store.read { try $0.renewalPauses() }).isEmpty {
            tally.pauses += 1
            _ = try await ground.store.transaction { [now] in try $0.resumeRenewals(at: now) }
        }
        let alarms = try await ground.store.read { try $0.chargeAlarms(limit: 100_000) }
        for alarm in alarms where now.timeIntervalSince(alarm.at) >= YearPlan.day { try await decide(alarm) }
        let left = try await ground.store.read { try $0.chargeAlarms(limit: 100_000) }
        decides = left.map { $0.at + YearPlan.day }.min()
    }

    private func decide(_ alarm: ChargeAlarm) async throws {
        guard let buyer = buyers[alarm.subscription] else { return }
        let periods = try await ground.store.read { try $0.chargePeriods(of: buyer.id) }
        let attempts = try await ground.store.read { try $0.chargeAttempts(of: buyer.id, in: periods.map(\.number)) }
        for attempt in attempts where attempt.state == .review {
            tally.decided += 1
            try await resolve(attempt.key.period, of: buyer, capture(attempt.key.period, of: buyer) ?? .unpaid)
        }
        for period in periods where period.status == .review {
            if let paid = capture(period.number, of: buyer) {
                try await resolve(period.number, of: buyer, paid)
            } else if plan.waives(period.number, of: buyer) {
                try await resolve(period.number, of: buyer, .waive)
            } else {
                let renewal = try await ground.store.read { try $0.renewal(buyer.id) }
                // One at a time: while one is under way, and once all is over, the others wait.
                guard let renewal, renewal.state.status.renews else { continue }
                guard !renewal.state.attempts.contains(where: { $0.state.isOpen }) else { return }
                try await run([
                    ChargeRenewal(
                        subscription: buyer.id,
                        merchant: renewal.subscription.merchant,
                        period: period.number,
                        isWanted: true
                    )
                ])
            }
            tally.decided += 1
        }
        try await ground.store.transaction { [now] in try $0.markAlarmsSeen(of: buyer.id, at: now) }
    }

    private func capture(_ period: Int, of buyer: YearPlan.Buyer) -> RenewalDecision? {
        let invoice = "sandbox-\(buyer.id)-\(period)"
        let capture = ground.sandbox.money.last { $0.kind == .capture && $0.invoiceID == invoice }
        return capture.map { .paid(captureID: $0.capture) }
    }

    private func resolve(_ period: Int, of buyer: YearPlan.Buyer, _ decision: RenewalDecision) async throws {
        _ = try await ground.store.transaction { [now] in
            try $0.advance(buyer.id, .resolve(period: period, decision), from: .byOperator, at: now)
        }
    }
}

/// What was counted on the way.
struct YearTally: Sendable {
    var canceled = 0
    var refunded = 0
    var lostAnswers = 0
    var lostRequests = 0
    var serverErrors = 0
    var lostEvents = 0
    /// What a person decided.
    var decided = 0
    /// How often a person found charging paused.
    var pauses = 0

    mutating func count(_ trouble: YearPlan.Trouble) {
        switch trouble {
        case .none: break
        case .lostAnswer: lostAnswers += 1
        case .lostRequest: lostRequests += 1
        case .serverError, .lateServerError: serverErrors += 1
        }
    }
}
