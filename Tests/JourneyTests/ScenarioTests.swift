import Domain
import Foundation
import Postgres
import Store
import TestKit
import Testing

/// Every sequence of deliveries, through ThriveCart's parser and fulfillment into a real Postgres.
@Suite struct `Delivery sequences` {
    struct Sequence: Sendable, CustomTestStringConvertible {
        var file: String
        var events: URL
        var scenario: Scenario
        var plans: [String: String]

        var testDescription: String { "\(file): \(scenario.name)" }

        static func all() throws -> [Sequence] {
            try ScenarioFile.all().map {
                Sequence(file: $0.file, events: $0.events, scenario: $0.scenario, plans: $0.plans)
            }
        }

        func bodies() throws -> [[UInt8]] {
            try scenario.deliver.map { try $0.body(in: events) }
        }
    }

    @Test func `there are sequences to run`() throws {
        #expect(try Sequence.all().count >= 32)
    }

    @Test(arguments: try Sequence.all())
    func `each ends as it must`(sequence: Sequence) async throws {
        let seller = try await Seller(plans: sequence.plans)
        for body in try sequence.bodies() {
            let status = try await seller.post(body, at: sequence.scenario.clock)
            #expect((sequence.scenario.http ?? [200]).contains(status))
        }
        for (subject, expectation) in sequence.scenario.expect.sorted(by: { $0.key < $1.key }) {
            switch expectation {
            case .plans(let plans):
                for (plan, expected) in plans {
                    let state = try await seller.access(of: subject, to: plan, at: sequence.scenario.clock)
                    expect(state, is: expected, "\(subject) \(plan)")
                }
            case .count(let count):
                #expect(try await seller.counter(subject) == count, "\(subject)")
            case .choice(let text):
                #expect(try await seller.counter(subject) == Self.chosenCount(text), "\(subject)")
            }
        }
    }

    @Test(arguments: try Sequence.all())
    func `each ends alike when it is shuffled and tripled`(sequence: Sequence) async throws {
        var random = SeededGenerator(seed: UInt64(sequence.scenario.now))
        let bodies = try sequence.bodies()
        let inOrder = try await Seller(plans: sequence.plans)
        for body in bodies { try await inOrder.post(body, at: sequence.scenario.clock) }
        let shuffled = try await Seller(plans: sequence.plans)
        for body in (bodies + bodies + bodies).shuffled(using: &random) {
            try await shuffled.post(body, at: sequence.scenario.clock)
        }
        #expect(try await shuffled.endState() == inOrder.endState())
    }

    private func expect(_ state: EntitlementState?, is expected: ExpectedAccess, _ subject: String) {
        if let status = expected.status { #expect(state?.status.rawValue == status, "\(subject)") }
        switch expected.access {
        case .always(let access): #expect(state?.hasAccess == access, "\(subject)")
        case .choice(let text): #expect(state?.hasAccess == Self.chosenAccess(text), "\(subject)")
        case nil: break
        }
        if let until = expected.accessUntil { #expect(state?.accessUntil == until.map(Self.date), "\(subject)") }
        if let through = expected.paidThrough { #expect(state?.paidThrough == through.map(Self.date), "\(subject)") }
    }

    private static func date(_ seconds: Int) -> Date { Date(timeIntervalSince1970: TimeInterval(seconds)) }

    // MARK: What is ours to choose

    /// In grace there is access, and during a pause until what is paid has run out: each named sequence is inside of it.
    private static func chosenAccess(_ text: String) -> Bool? {
        text.hasPrefix("policy=grace") || text.hasPrefix("policy=until period end") ? true : nil
    }

    /// Who has access already is no lead.
    private static func chosenCount(_ text: String) -> Int? {
        text.hasPrefix("policy=0") ? 0 : nil
    }
}

extension Seller {
    /// -1 for a counter that nobody here knows.
    func counter(_ name: String) async throws -> Int {
        switch name {
        case "_members": try await count("SELECT count(*) FROM members")
        case "_stored": try await count("SELECT count(*) FROM inbound_events")
        case "_applied": try await count("SELECT count(*) FROM inbound_events WHERE status = 'applied'")
        case "_flagged": try await count("SELECT count(*) FROM inbound_events WHERE status = 'flagged'")
        case "_grants": try await count("SELECT count(*) FROM outbox WHERE type = 'entitlement.granted'")
        case "_leads": try await count("SELECT count(*) FROM leads WHERE status = 'open'")
        case "_failures_recorded": try await count("SELECT count(*) FROM order_failures")
        default: -1
        }
    }
}

/// The same numbers each time, so that a failure can be run again. Source: SplitMix64, public domain.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
