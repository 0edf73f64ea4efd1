import Domain
import Foundation

/// PayPal as far as it matters for charging: what it remembers, what it forgets, and how it fails.
///
/// Its ledger is the judge: nothing that our side believes is asked.
struct ModelPayPal {
    struct Capture {
        var id: String
        var subscription: Int
        var key: ChargeAttempt.Key
        var at: Double
    }

    struct Refusal {
        var subscription: Int
        var key: ChargeAttempt.Key
        var at: Double
        var isFinal: Bool
    }

    /// What is sent, as far as PayPal looks at it.
    struct Request {
        var id: String
        var subscription: Int
        var key: ChargeAttempt.Key
        /// How likely the bank says no.
        var refusal: Double
        var refusesForGood: Bool
    }

    enum Outcome {
        case settling
        case captured(String)
        case declined(ChargeDecline)
        case duplicate
    }

    struct Order {
        var request: Request
        var outcome: Outcome?
        var madeAt: Double
    }

    private struct Memory {
        var first: Double
        var order: Int
        var key: ChargeAttempt.Key
        var subscription: Int
    }

    static let memory = 6 * 3600.0
    static let searchLag = 3 * 3600.0
    static let orderLife = 6 * 3600.0

    /// The account setting "Block accidental payments".
    let blocksDuplicates: Bool
    let hasSearch: Bool
    var outages: [Range<Double>] = []
    var fails = true

    private(set) var orders: [Order] = []
    private(set) var captures: [Capture] = []
    private(set) var refusals: [Refusal] = []
    private(set) var requests = 0
    /// Seen by PayPal itself: an id that stands for two charges, or that comes when its first use is forgotten.
    private(set) var complaints: [String] = []
    private var memories: [String: Memory] = [:]
    /// What webhooks will tell.
    var news: [(subscription: Int, key: ChargeAttempt.Key, fact: ChargeFact)] = []
    /// Orders that PayPal has yet to decide about.
    var undecided: [Int] = []

    init(blocksDuplicates: Bool, hasSearch: Bool) {
        self.blocksDuplicates = blocksDuplicates
        self.hasSearch = hasSearch
    }

    private func isDown(_ now: Double) -> Bool { fails && outages.contains { $0.contains(now) } }

    // MARK: What is asked of it

    /// An order with a payment source: money moves.
    mutating func charge(_ request: Request, at now: Double, _ chance: inout Chance) -> ChargeAnswer {
        if let failure = failsBefore(now, &chance) { return failure }
        let order = remembered(request, at: now) ?? make(request, at: now)
        if orders[order].outcome == nil { decide(order, at: now, &chance) }
        return failsAfter(now, &chance) ?? answer(order)
    }

    /// An order without one: no money moves. Nil where nobody can say.
    mutating func makeOrder(_ request: Request, at now: Double, _ chance: inout Chance) -> (String?, ChargeAnswer?) {
        if let failure = failsBefore(now, &chance) { return (nil, failure) }
        let order = remembered(request, at: now) ?? make(request, at: now)
        if let failure = failsAfter(now, &chance) { return (nil, failure) }
        return (name(order), nil)
    }

    mutating func capture(_ orderName: String, at now: Double, _ chance: inout Chance) -> ChargeAnswer {
        requests += 1
        if let failure = failsBefore(now, &chance) { return failure }
        guard let order = number(orderName) else { return .orderGone }
        if orders[order].outcome == nil {
            guard now - orders[order].madeAt < Self.orderLife else { return .orderGone }
            decide(order, at: now, &chance)
        }
        return failsAfter(now, &chance) ?? answer(order)
    }

    mutating func look(
        _ key: ChargeAttempt.Key,
        of subscription: Int,
        order: String?,
        at now: Double,
        _ chance: inout Chance
    ) -> ChargeFinding {
        if isDown(now) || (fails && chance.hits(0.05)) { return .unavailable }
        if let order, let number = number(order), let outcome = orders[number].outcome,
            case .fact(let fact) = answer(outcome, order)
        {
            return .fact(fact)
        }
        guard hasSearch else { return .unable }
        let found = captures.first {
            $0.subscription == subscription && $0.key == key && $0.at <= now - Self.searchLag
        }
        if let found { return .fact(.captured(id: found.id, order: nil)) }
        let pending = orders.indices.first {
            guard case .settling? = orders[$0].outcome else { return false }
            let made = orders[$0]
            return made.request.subscription == subscription && made.request.key == key
                && made.madeAt <= now - Self.searchLag
        }
        if let pending { return .fact(.settling(order: name(pending))) }
        return .nothing(until: Simulation.date(now - Self.searchLag))
    }

    mutating func decideLate(_ order: Int, at now: Double, _ chance: inout Chance) {
        let request = orders[order].request
        if chance.hits(0.9) {
            complete(order, request, at: now)
        } else {
            refuse(order, request, at: now)
        }
    }

    // MARK: How it fails

    private mutating func failsBefore(_ now: Double, _ chance: inout Chance) -> ChargeAnswer? {
        requests += 1
        guard fails else { return nil }
        if !isDown(now), chance.hits(0.02) { return .notDone(retryAfter: nil) }
        if !isDown(now), chance.hits(0.01) { return .notDone(retryAfter: 30) }
        return chance.hits(isDown(now) ? 0.97 : 0.04) ? .unknown(order: nil) : nil
    }

    private mutating func failsAfter(_ now: Double, _ chance: inout Chance) -> ChargeAnswer? {
        fails && chance.hits(isDown(now) ? 0.9 : 0.06) ? .unknown(order: nil) : nil
    }

    // MARK: What it does

    private mutating func remembered(_ request: Request, at now: Double) -> Int? {
        guard let memory = memories[request.id] else { return nil }
        if memory.key != request.key || memory.subscription != request.subscription {
            complaints.append("I6 the request id \(request.id) stands for two charges")
        }
        guard now - memory.first < Self.memory else {
            // Asking for an order without a payment source again is no danger: nothing is taken with it.
            return nil
        }
        return memory.order
    }

    private mutating func make(_ request: Request, at now: Double) -> Int {
        orders.append(Order(request: request, outcome: nil, madeAt: now))
        memories[request.id] = Memory(
            first: now,
            order: orders.count - 1,
            key: request.key,
            subscription: request.subscription
        )
        return orders.count - 1
    }

    private mutating func decide(_ order: Int, at now: Double, _ chance: inout Chance) {
        let request = orders[order].request
        if blocksDuplicates, isTaken(request) {
            orders[order].outcome = .duplicate
        } else if chance.hits(request.refusal) {
            refuse(order, request, at: now)
        } else if chance.hits(0.02) {
            orders[order].outcome = .settling
            undecided.append(order)
            news.append((request.subscription, request.key, .settling(order: name(order))))
        } else {
            complete(order, request, at: now)
        }
    }

    /// Whether a payment with the same invoice id stands, or is being decided about.
    private func isTaken(_ request: Request) -> Bool {
        orders.contains { other in
            guard other.request.subscription == request.subscription, other.request.key.period == request.key.period
            else { return false }
            switch other.outcome {
            case .settling, .captured: return true
            case .declined, .duplicate, nil: return false
            }
        }
    }

    func isDeciding(_ period: Int, of subscription: Int) -> Bool {
        orders.contains {
            guard case .settling? = $0.outcome else { return false }
            return $0.request.subscription == subscription && $0.request.key.period == period
        }
    }

    private mutating func complete(_ order: Int, _ request: Request, at now: Double) {
        let id = "C\(captures.count)"
        if captures.contains(where: {
            $0.subscription == request.subscription && $0.key.period == request.key.period
        }) {
            complaints.append("I1 period \(request.subscription).\(request.key.period) was charged twice")
        }
        captures.append(Capture(id: id, subscription: request.subscription, key: request.key, at: now))
        orders[order].outcome = .captured(id)
        news.append((request.subscription, request.key, .captured(id: id, order: name(order))))
    }

    private mutating func refuse(_ order: Int, _ request: Request, at now: Double) {
        let decline = ChargeDecline(
            fault: .buyer,
            issue: "INSTRUMENT_DECLINED",
            advice: request.refusesForGood ? .never : .anytime
        )
        orders[order].outcome = .declined(decline)
        refusals.append(
            Refusal(
                subscription: request.subscription,
                key: request.key,
                at: now,
                isFinal: request.refusesForGood
            )
        )
        news.append((request.subscription, request.key, .declined(decline)))
    }

    private func answer(_ order: Int) -> ChargeAnswer {
        guard let outcome = orders[order].outcome else { return .unknown(order: name(order)) }
        return answer(outcome, name(order))
    }

    private func answer(_ outcome: Outcome, _ order: String) -> ChargeAnswer {
        switch outcome {
        case .settling: .fact(.settling(order: order))
        case .captured(let id): .fact(.captured(id: id, order: order))
        case .declined(let decline): .fact(.declined(decline))
        case .duplicate: .duplicateInvoice
        }
    }

    private func name(_ order: Int) -> String { "O\(order)" }

    private func number(_ name: String) -> Int? {
        guard let number = Int(name.dropFirst()), orders.indices.contains(number) else { return nil }
        return number
    }
}
