/// How deliveries are tampered with, on demand.
package struct Faults: Sendable, Hashable, Codable {
    /// Further copies of each delivery, same `webhook_id`.
    package var duplicate: Int
    /// How long each delivery is held back.
    package var delayMilliseconds: Int
    /// Deliveries overtake one another.
    package var reorder: Bool
    /// The part of deliveries that never leave: 0 none, 1 all.
    package var dropRate: Double
    /// The same seed gives the same mischief.
    package var seed: UInt64

    package static let none = Faults(duplicate: 0, delayMilliseconds: 0, reorder: false, dropRate: 0, seed: 1)

    package init(duplicate: Int, delayMilliseconds: Int, reorder: Bool, dropRate: Double, seed: UInt64) {
        self.duplicate = min(max(0, duplicate), 20)
        self.delayMilliseconds = min(max(0, delayMilliseconds), 3_600_000)
        self.reorder = reorder
        self.dropRate = dropRate.isFinite ? min(max(0, dropRate), 1) : 0
        self.seed = seed
    }

    /// What is left out is off.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            duplicate: try container.decodeIfPresent(Int.self, forKey: .duplicate) ?? 0,
            delayMilliseconds: try container.decodeIfPresent(Int.self, forKey: .delayMilliseconds) ?? 0,
            reorder: try container.decodeIfPresent(Bool.self, forKey: .reorder) ?? false,
            dropRate: try container.decodeIfPresent(Double.self, forKey: .dropRate) ?? 0,
            seed: try container.decodeIfPresent(UInt64.self, forKey: .seed) ?? 1
        )
    }

    package var isNone: Bool { duplicate == 0 && delayMilliseconds == 0 && !reorder && dropRate == 0 }
}

/// Draws what happens to each delivery.
package struct Mischief: Sendable {
    package let faults: Faults
    private var random: SplitMix64

    package init(_ faults: Faults) {
        self.faults = faults
        random = SplitMix64(state: faults.seed)
    }

    /// One copy of a delivery on its way.
    package struct Parcel: Sendable, Hashable {
        package var delivery: Delivery.ID
        package var wait: Duration
        /// Leaves only after what left before it for the same destination.
        package var keepsItsPlace: Bool
    }

    /// What leaves, and which deliveries never do.
    package mutating func parcels(for deliveries: [Delivery.ID]) -> (sent: [Parcel], lost: [Delivery.ID]) {
        var sent: [Parcel] = []
        var lost: [Delivery.ID] = []
        for delivery in deliveries {
            if random.unit() < faults.dropRate {
                lost.append(delivery)
                continue
            }
            for _ in 0...faults.duplicate {
                sent.append(Parcel(delivery: delivery, wait: wait(), keepsItsPlace: !faults.reorder))
            }
        }
        return (sent, lost)
    }

    /// Where deliveries may overtake, each is held back for longer by something between nothing and half a second.
    private mutating func wait() -> Duration {
        let extra = faults.reorder ? Int(random.unit() * 500) : 0
        return .milliseconds(faults.delayMilliseconds + extra)
    }
}

/// A small generator of random numbers that repeats itself for the same seed. Source: Steele, Lea, Flood, 2014.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// From 0 up to but not including 1.
    mutating func unit() -> Double {
        Double(next() >> 11) / 9_007_199_254_740_992  // 2⁵³
    }
}
