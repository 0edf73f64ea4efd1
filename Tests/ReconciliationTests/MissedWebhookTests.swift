import Domain
import FaultKit
import Foundation
import Postgres
import Redis
import SandboxKit
import Seeds
import Store
import TestKit
import Testing
import Web

@testable import SandboxPages

/// Real processes, a real shop, webhooks lost on the way and a queue that is wiped: the books bring everything back.
@Suite(.serialized) struct `What was missed` {
    @Test func `a tenth of all webhooks lost and Redis flushed three times: one run heals all, a second finds nothing`()
        async throws
    {
        try await withSellingSystem(daysAgo: 100) { system, shop in
            await shop.postman.setFaults(
                Faults(duplicate: 0, delayMilliseconds: 0, reorder: false, dropRate: 0.1, seed: 20_261_125)
            )
            let flusher = try system.redis.client()
            var random = SeededRandom(seed: 11)
            let buyers = 90
            for number in 0..<buyers {
                try await shop.live(number, &random)
                shop.clock.advance(by: 99 * 86_400 / Double(buyers))
                if [buyers / 4, buyers / 2, buyers * 3 / 4].contains(number) { try await flusher.call(["FLUSHALL"]) }
            }
            try await eventually(within: .seconds(120)) {
                await shop.postman.deliveries.allSatisfy { $0.state == .delivered || $0.state == .lost }
            }
            await flusher.close()
            try await system.drained()
            let lost = await shop.postman.deliveries.count { $0.state == .lost }
            #expect(lost > 0)

            let before = try await ShopComparison(of: shop, in: system.pool)
            #expect(!before.differences.isEmpty, "nothing was missed, so nothing is proved")
            let first = try await reconcile(system)
            let after = try await ShopComparison(of: shop, in: system.pool)
            #expect(after.differences == [])
            #expect(after.compared >= buyers)
            #expect(first.healed > 0 && first.waiting == 0 && first.needsPerson == 0)
            let second = try await reconcile(system)
            #expect(second.healed == 0 && second.waiting == 0 && second.needsPerson == 0)
            try await expectWordOfWrongKey(system)
            print(
                "reconciliation: \(lost) webhooks lost, \(before.differences.count) items wrong, healed \(first.healed)"
            )
        }
    }

    /// Operators hear of a key that opens nothing, wherever they look.
    private func expectWordOfWrongKey(_ system: Gatehouse) async throws {
        let file = try TestDirectory.make("key") + "/key"
        try Data("NOTTHEKEYOFTHEBOOKS".utf8).write(to: URL(filePath: file))
        try await system.command("site", "update", "demo", "--thrivecart-api-key-file", file)
        let run = try await system.launch("reconcile", "run")
        #expect(await run.exit() == .code(1))
        #expect(run.lastWords.contains("ThriveCart refuses the API key"))
        let status = try await system.launch("reconcile", "status")
        #expect(await status.exit() == .code(3))
        #expect(status.lastWords.contains("ThriveCart refuses the API key"))
        let doctor = try await system.launch("doctor")
        _ = await doctor.exit()
        #expect(doctor.lastWords.contains("demo: the books can't be read"))
    }

    private struct Reply: Decodable {
        struct Run: Decodable {
            var healed: Int
            var waiting: Int
            var needs_person: Int
            var needsPerson: Int { needs_person }
        }
        var runs: [Run]
    }

    private func reconcile(_ system: Gatehouse) async throws -> Reply.Run {
        let text = try await system.command("reconcile", "run", "--since", "400d", "--in-flight", "0s", "--json")
        return try #require(try JSONDecoder().decode(Reply.self, from: Data(text.utf8)).runs.first)
    }
}
