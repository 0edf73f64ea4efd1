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

    @Test func `10 000 permutations, tripled, give each order one end state`() throws {
        let events = try Self.bodies().map { try ThriveCartBody.parse($0).checkoutEvent(account: "examplestudio") }
        let told = events.compactMap { event in event.order.map { ($0, Order(event, heardAt: Self.now)) } }
        #expect(told.count > 80)

        func ledgers(_ told: [(OrderReference, Order)]) -> [OrderReference: Order] {
            told.reduce(into: [:]) { $0[$1.0, default: Order()].merge($1.1) }
        }
        let expected = ledgers(told)
        #expect(expected.count > 15)
        var random = SeededGenerator(seed: 20_260_921)
        var tripled = told + told + told
        for permutation in 0..<10_000 {
            tripled.shuffle(using: &random)
            let found = ledgers(tripled)
            guard found == expected else {
                Issue.record("permutation \(permutation) differs")
                return
            }
        }
        let policy = AccessPolicy()
        for (reference, order) in expected {
            #expect(
                ledgers(tripled)[reference]?.states(at: Self.now, policy: policy)
                    == order.states(at: Self.now, policy: policy)
            )
        }
    }

    @Test(arguments: [false, true])
    func `all fixtures in any order end alike in the database`(testModeGrants: Bool) async throws {
        let bodies = try Self.bodies()
        var random = SeededGenerator(seed: testModeGrants ? 1 : 2)
        var expected: [String]?
        for round in 0..<6 {
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
        for seed in UInt64(1)...3 {
            var random = SeededGenerator(seed: seed)
            let atOnce = try await Seller(plans: Self.plans)
            let shuffled = (bodies + bodies).shuffled(using: &random)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for body in shuffled {
                    group.addTask { try await atOnce.apply(body, at: Self.now) }
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
