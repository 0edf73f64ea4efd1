import Domain
import Testing

@testable import ThriveCart

@Suite struct `Bodies that were damaged on the way` {
    /// Pieces that mean something to a parser, to be put where they don't belong.
    static let pieces = [
        "&", "=", "[", "]", "[]", "%", "%00", "%5B", "%5D", "+", "{", "}", "\"", "\\", "\\u", ":", ",", "--", "\r\n",
        ";",
        "null", "thrivecart_secret", "thrivecart_secret=TESTSECRET00", "999999999999999999999", "-9223372036854775808",
        "\u{0}", "é", "[9223372036854775807]", "purchase_map", "order[charges][0][amount]=", "event", "name=\"",
    ].map { Array($0.utf8) }

    @Test(arguments: 0..<8) func `no damage traps, hides the secret or makes two readings differ`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let bodies = try Fixtures.events.map(Fixtures.event).filter { !$0.isEmpty }
        var parsed = 0
        for _ in 0..<200 {
            var body = try #require(bodies.randomElement(using: &random))
            for _ in 0..<Int.random(in: 1...6, using: &random) { damage(&body, using: &random) }
            let clock = ContinuousClock()
            let start = clock.now
            let payload = try? ThriveCartBody.parse(body)  // Because a refusal is as good as a reading here.
            if let payload {
                parsed += 1
                try check(payload)
            }
            #expect(start.duration(to: clock.now) < .seconds(2), "\(body.count) bytes")
        }
        #expect(parsed > 50)
    }

    enum Worst: String, CaseIterable, Sendable {
        case nested, brackets, percents, ampersands, closings, blanks, hyphens, boundaries, escapes, lists, wide, items
        case charges

        var body: String {
            switch self {
            case .nested: repeated("a[b][c][d][e]&", 1_000)
            case .brackets: repeated("[", 1 << 20)
            case .percents: repeated("%", 1 << 20)
            case .ampersands: repeated("&", 1 << 20)
            case .closings: "a" + repeated("]", (1 << 20) - 1)
            case .blanks: repeated("+", 1 << 20)
            case .hyphens: "--B\r\n" + repeated("-", (1 << 20) - 5)
            case .boundaries:
                "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" + repeated("\n--", 300_000)
            case .escapes: "{\"a\":\"" + repeated("\\u0041", 170_000) + "\"}"
            case .lists: "[" + repeated("[],", 340_000)
            case .wide: fields(1_000) { "k\($0)" + repeated("[x\($0)]", 60) + "=1" }
            case .items: "event=order.success&order_id=1&" + fields(990) { "purchase_map[\($0)]=product-\($0 + 1)" }
            case .charges:
                "event=order.success&order_id=1&"
                    + fields(480) {
                        "order[charges][\($0)][amount]=1&order[charges][\($0)][item_identifier]=bump_\($0)"
                    }
            }
        }

        private func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }

        private func fields(_ count: Int, _ field: (Int) -> String) -> String {
            (0..<count).map(field).joined(separator: "&")
        }
    }

    @Test(arguments: Worst.allCases) func `the worst bodies are read or refused in bounded time`(worst: Worst) throws {
        let clock = ContinuousClock()
        let start = clock.now
        if let payload = try? ThriveCartBody.parse(Array(worst.body.utf8)) {  // Because both outcomes are fine.
            try check(payload)
        }
        #expect(start.duration(to: clock.now) < .seconds(20))
    }

    private func check(_ payload: ThriveCartPayload) throws {
        let event = payload.checkoutEvent(account: "examplestudio")
        #expect(event.naturalKeys().allSatisfy { $0.text.utf8.count < 2_000 })
        #expect(event.deliveryKey.utf8.count <= 220)
        let rest = try ThriveCartBody.parse(payload.withoutSecret())
        #expect(rest.secret == nil)
        #expect(rest.deliveryKey == event.deliveryKey)
        #expect(rest.checkoutEvent(account: "examplestudio") == event)
    }

    private func damage(_ body: inout [UInt8], using random: inout SeededGenerator) {
        let place = Int.random(in: 0...body.count, using: &random)
        let length = Int.random(in: 0...min(40, body.count - place), using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: body.removeSubrange(place..<place + length)
        case 1: body.insert(contentsOf: Self.pieces.randomElement(using: &random) ?? [], at: place)
        case 2:
            body.insert(contentsOf: body[place..<place + length], at: Int.random(in: 0...body.count, using: &random))
        case 3: if place < body.count { body[place] = UInt8.random(in: 0...255, using: &random) }
        case 4: if place < body.count { body[place] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
        default: body.removeSubrange(place...)
        }
    }
}

/// SplitMix64: the same seed makes the same bodies on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
