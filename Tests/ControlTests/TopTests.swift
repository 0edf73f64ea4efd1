import Foundation
import Jobs
import TestKit
import Testing

@testable import ControlCommands

@Suite struct `The live view` {
    @Test func `shows one frame where nobody looks`() async throws {
        let shop = try await Operator()
        try await shop.whileRunning { _ in
            let queue = JobQueue(redis: shop.redis, logger: .silent)
            try await eventually { try await queue.workers()?["fulfillment"] == 1 }
            let outcome = try await shop.expectOK("top", "--interval", "100ms")
            #expect(outcome.output.contains("fulfillment"))
            #expect(outcome.output.contains("Recurring"))
            #expect(!outcome.output.contains("\u{1B}"))
            let document = try await shop.expectOK("top", "--interval", "100ms", "--json").document()
            #expect((document["queues"] as? [[String: Any]])?.first?["workers"] as? Int == 1)
            #expect((document["redis"] as? [String: Any])?["version"] != nil)
        }
    }

    @Test func `on a terminal it takes the other screen, and gives it back at q`() async throws {
        let shop = try await Operator()
        let outcome = try await shop.gatehouse(["top", "--interval", "100ms"], input: "q", onTerminal: true)
        #expect(outcome.exit == .code(0))
        #expect(outcome.output.contains("\u{1B}[?1049h\u{1B}[?25l"))
        #expect(outcome.output.contains("q quits"))
        #expect(outcome.output.contains("\u{1B}[?25h\u{1B}[?1049l"))
    }
}
