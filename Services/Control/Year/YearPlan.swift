import Domain
import Foundation

/// What happens in a simulated year: everything is drawn from the seed and from what it happens to, so that a year can be
/// had again.
struct YearPlan: Sendable {
    let seed: UInt64
    let start: Date
    let end: Date
    let buyers: [Buyer]
    /// PayPal is away: longer than it remembers a request id, now and then.
    let outages: [Range<Date>]
    /// Nobody charges: our own machines are away.
    let ownOutages: [Range<Date>]

    static let day = 86_400.0
    static let merchants = 5

    /// A subscription, and when its buyer leaves or wants money back.
    struct Buyer: Sendable {
        var number: Int
        var id: VaultSubscription.ID
        var merchant: Int
        var frequency: BillingFrequency
        var isTrial: Bool
        /// When period 0 is due: at the activation, or at the end of the trial.
        var anchor: Date
        var cancels: Date?
        var wantsMoneyBack: Date?
    }

    init(subscriptions: Int, seed: UInt64, start: Date = Date(timeIntervalSince1970: 1_767_225_600)) {
        let end = start + 365 * Self.day
        let lots = Lots(seed: seed)
        self.seed = seed
        self.start = start
        self.end = end
        buyers = (0..<subscriptions).map { Self.buyer($0, lots, from: start) }
        outages = Self.outages(12, upTo: 50 * 3600, lots, 1, from: start)
        ownOutages = Self.outages(3, upTo: 9 * Self.day, lots, 2, from: start)
    }

    private var lots: Lots { Lots(seed: seed) }

    private static func buyer(_ number: Int, _ lots: Lots, from start: Date) -> Buyer {
        func lot(_ what: String) -> Double { lots.draw("\(what)/\(number)") }
        let isTrial = lot("trial") < 0.2
        let joined = start + (lot("joined") * 30 * day).rounded(.down)
        let anchor = isTrial ? joined + (lot("week") < 0.5 ? 7 : 14) * day : joined
        let cancels = lot("cancels") < 0.15 ? anchor + (lot("when") * 350 * day).rounded(.down) : nil
        let refund = lot("refund") < 0.06 ? anchor + ((20 + lot("then") * 320) * day).rounded(.down) : nil
        return Buyer(
            number: number,
            id: VaultSubscription.ID(lots.uuid("subscription/\(number)")),
            merchant: number % merchants,
            frequency: frequency(lot("frequency")),
            isTrial: isTrial,
            anchor: anchor,
            cancels: cancels,
            wantsMoneyBack: refund
        )
    }

    private static func frequency(_ lot: Double) -> BillingFrequency {
        switch lot {
        case ..<0.02: .day
        case ..<0.12: .week
        case ..<0.82: .month
        case ..<0.90: .quarter
        case ..<0.93: .halfYear
        default: .year
        }
    }

    private static func outages(
        _ count: Int,
        upTo longest: Double,
        _ lots: Lots,
        _ kind: Int,
        from start: Date
    ) -> [Range<Date>] {
        (0..<count).map { number in
            let begins = start + (lots.draw("outage/\(kind)/\(number)/begins") * 360 * day).rounded(.down)
            // Most are short.
            let length = pow(lots.draw("outage/\(kind)/\(number)/length"), 2) * longest
            return begins..<(begins + max(1800, length.rounded(.down)))
        }
    }

    func isPayPalAway(at now: Date) -> Bool { outages.contains { $0.contains(now) } }
    func areWeAway(at now: Date) -> Bool { ownOutages.contains { $0.contains(now) } }

    // MARK: What a bank says

    enum Answer: Sendable, Hashable {
        case pays
        /// PayPal refuses the order.
        case declined(issue: String)
        /// PayPal makes the order, and the capture in it is declined.
        case captureDeclined
    }

    /// To a try of a period; what a bank says does not change while it is asked the same again.
    func answer(to key: ChargeAttempt.Key, of buyer: Buyer) -> Answer {
        let period = "bank/\(buyer.number)/\(key.period)"
        guard lots.draw(period) < 0.08 else { return .pays }
        let recovers = lots.draw(period + "/recovers")
        let isPaid = key.number == 2 && recovers < 0.5 || key.number == 3 && recovers < 0.75
        if isPaid { return .pays }
        switch lots.draw(period + "/how") {
        case ..<0.70: return .declined(issue: "INSTRUMENT_DECLINED")
        case ..<0.95: return .captureDeclined
        default: return .declined(issue: "INVALID_VAULT_ID")
        }
    }

    // MARK: What goes wrong on the way

    enum Trouble: Sendable, Hashable {
        case none
        /// Nothing arrived.
        case lostRequest
        /// It was done, and the answer was lost.
        case lostAnswer
        case serverError
        /// A server error after it was done.
        case lateServerError
    }

    /// With what is sent for a buyer at this time.
    func trouble(for buyer: Buyer, at now: Date) -> Trouble {
        let lot = lots.draw("road/\(buyer.number)/\(Int(now.timeIntervalSince(start)))")
        if isPayPalAway(at: now) {
            switch lot {
            case ..<0.65: return .serverError
            case ..<0.85: return .lostRequest
            case ..<0.95: return .lostAnswer
            default: return .lateServerError
            }
        }
        switch lot {
        case ..<0.010: return .lostAnswer
        case ..<0.020: return .lostRequest
        case ..<0.025: return .serverError
        case ..<0.030: return .lateServerError
        default: return .none
        }
    }

    enum Post: Sendable, Hashable { case once, twice, late, lost }

    /// How an event comes; `about` is what it says of which charge.
    func post(_ about: String) -> Post {
        switch lots.draw("post/" + about) {
        case ..<0.01: .lost
        case ..<0.03: .twice
        case ..<0.05: .late
        default: .once
        }
    }

    /// What a person decides about a period that came due while we could not charge.
    func waives(_ period: Int, of buyer: Buyer) -> Bool { lots.draw("waives/\(buyer.number)/\(period)") < 0.5 }
}

/// Chance that depends on nothing but the seed and what is drawn for.
struct Lots: Sendable {
    let seed: UInt64

    /// From 0 up to 1.
    func draw(_ what: String) -> Double { Double(bits(what) >> 11) / 9_007_199_254_740_992 }

    func uuid(_ what: String) -> UUID {
        let (high, low) = (bits(what + "/high"), bits(what + "/low"))
        func byte(_ bits: UInt64, _ index: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: bits >> (index * 8)) }
        return UUID(
            uuid: (
                byte(high, 0), byte(high, 1), byte(high, 2), byte(high, 3), byte(high, 4), byte(high, 5),
                byte(high, 6) & 0x0F | 0x70, byte(high, 7), byte(low, 0) & 0x3F | 0x80, byte(low, 1), byte(low, 2),
                byte(low, 3), byte(low, 4), byte(low, 5), byte(low, 6), byte(low, 7)
            )
        )
    }

    /// FNV-1a, then the finish of SplitMix64: what is drawn for next to the same is far away.
    private func bits(_ what: String) -> UInt64 {
        var hash = 0xCBF2_9CE4_8422_2325 ^ seed
        for byte in what.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        hash = (hash ^ hash >> 30) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ hash >> 27) &* 0x94D0_49BB_1331_11EB
        return hash ^ hash >> 31
    }
}
