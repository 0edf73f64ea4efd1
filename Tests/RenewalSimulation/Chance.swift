import Seeds

/// The dice of one run.
struct Chance {
    private var random: SeededRandom

    init(seed: Int) { random = SeededRandom(seed: UInt64(bitPattern: Int64(seed))) }

    /// 0 ..< 1
    mutating func share() -> Double { Double(random.next() >> 11) * 0x1p-53 }
    mutating func hits(_ probability: Double) -> Bool { share() < probability }
    mutating func one<Value>(of values: [Value]) -> Value { values[Int(share() * Double(values.count))] }
    /// A wait with this mean, as independent events have it.
    mutating func wait(_ mean: Double) -> Double {
        // Five steps approximate the tail well enough, and need no logarithm.
        var sum = share() * mean
        while hits(0.5), sum < 20 * mean { sum += share() * mean }
        return sum
    }
}
