import Domain
import Foundation
import TestKit
import Testing
import ThriveCart

/// All fixtures at once, in any order and any number of times.
@Suite struct `Shuffled deliveries` {
    static let plans = [
        "product-7": "basic", "bump-7": "workbook", "upsell-3": "club", "downsell-5": "mini", "product-9": "bootcamp",
        "product-1": "one", "product-11": "basic", "upsell-101": "club", "product-2": "one", "product-17": "club",
    ]

    /// Our clock, and when we heard of what has no time of its own.
    static let now = Date(timeIntervalSince1970: 1_797_900_000)

    /// Every body that the seller accepts, by file.
    static func bodies() throws -> [[UInt8]] {
        let names = try FileManager.default.contentsOfDirectory(atPath: ScenarioFile.events.path).sorted()
        let verifier = ThriveCartVerifier(secrets: ["TESTSECRET00"], account: "examplestudio")
        return try names.filter { $0 != "MANIFEST.json" }.compactMap { name in
            let body = Array(try Data(contentsOf: ScenarioFile.events.appending(path: name)))
            // Because hostile bodies are among them.
            guard let payload = try? ThriveCartBody.parse(body), !payload.isPing, verifier.accepts(payload) else {
                return nil
            }
            return payload.withoutSecret()
        }
    }

    /// What each distinct event tells of its order: a form and its JSON twin tell the same.
    private static func told() throws -> [(order: OrderReference, news: Order)] {
        var seen: Set<[AnyHashable]> = []
        return try bodies().compactMap { body in
            let event = try ThriveCartBody.parse(body).checkoutEvent(account: "examplestudio")
            guard let order = event.order else { return nil }
            let news = Order(event, heardAt: now)
            return seen.insert([order, news]).inserted ? (order, news) : nil
        }
    }

    private static func ledgers(_ told: [(order: OrderReference, news: Order)]) -> [OrderReference: Order] {
        told.reduce(into: [:]) { $0[$1.order, default: Order()].merge($1.news) }
    }

    /// Two times 5 000, side by side.
    @Test(arguments: [UInt64(20_260_921), 20_260_922])
    func `10 000 permutations, tripled, give each order one end state`(seed: UInt64) throws {
        let told = try Self.told()
        #expect(told.count > 45)
        let expected = Self.ledgers(told)
        #expect(expected.count > 15)
        var random = SeededGenerator(seed: seed)
        var tripled = told + told + told
        for permutation in 0..<5_000 {
            tripled.shuffle(using: &random)
            guard Self.ledgers(tripled) == expected else {
                Issue.record("permutation \(permutation) differs")
                return
            }
        }
        // Access is worked out from the ledger alone, so one look stands for all.
        let found = Self.ledgers(tripled)
        for (reference, order) in expected {
            let states = order.states(at: Self.now, policy: AccessPolicy())
            #expect(found[reference]?.states(at: Self.now, policy: AccessPolicy()) == states)
        }
    }

    @Test(arguments: [false, true])
    func `all fixtures in any order end alike in the database`(testModeGrants: Bool) async throws {
        let bodies = try Self.bodies()
        var random = SeededGenerator(seed: testModeGrants ? 1 : 2)
        var expected: [String]?
        for round in 0..<4 {
            let seller = try await Seller(plans: Self.plans, testModeGrants: testModeGrants)
            let deliveries = round == 0 ? bodies : (bodies + bodies).shuffled(using: &random)
            for body in deliveries { try await seller.apply(body, at: Self.now) }
            let found = try await seller.endState()
            if let expected {
                let lacking = Set(expected).subtracting(found)
                let additional = Set(found).subtracting(expected)
                #expect(
                    lacking.isEmpty && additional.isEmpty,
                    "round \(round): -\(lacking.sorted()) +\(additional.sorted())"
                )
            }
            expected = expected ?? found
        }
    }

    @Test func `deliveries at once end like deliveries in a row`() async throws {
        let bodies = try Self.bodies()
        let inRow = try await Seller(plans: Self.plans)
        for body in bodies { try await inRow.apply(body, at: Self.now) }
        for seed in UInt64(1)...2 {
            var random = SeededGenerator(seed: seed)
            let atOnce = try await Seller(plans: Self.plans)
            let shuffled = (bodies + bodies).shuffled(using: &random)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        for index in stride(from: worker, to: shuffled.count, by: 8) {
                            try await atOnce.apply(shuffled[index], at: Self.now)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let (found, expected) = (try await atOnce.endState(), try await inRow.endState())
            let lacking = Set(expected).subtracting(found)
            let additional = Set(found).subtracting(expected)
            #expect(lacking.isEmpty && additional.isEmpty, "seed \(seed): -\(lacking.sorted()) +\(additional.sorted())")
        }
    }
}
