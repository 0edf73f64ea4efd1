import FaultKit
import Foundation
import Jobs
import Redis
import Seeds
import TestKit
import Testing

@Suite(.serialized) struct `A power cut` {
    /// Writes, kills, cuts, starts; answers how many of the acknowledged writes are gone.
    private func lost(lying: Duration?) async throws -> Int {
        let power = try PowerCut(lying: lying)
        let server = try await RedisServer(.init(isDurable: true, environment: power.environment))
        let client = try server.client()
        for number in 0..<200 { try await client.call(["SET", .text("key\(number)"), "x"]) }
        await client.close()
        await server.kill()
        try power.cut(server)
        try await server.start()
        let again = try server.client()
        let left = try await again.call(["DBSIZE"]).int ?? 0
        await again.close()
        await server.stop()
        return 200 - left
    }

    @Test func `leaves what was acknowledged, as Redis syncs before it answers`() async throws {
        #expect(try await lost(lying: nil) == 0)
    }

    @Test func `takes what a lying disk only said it had`() async throws {
        #expect(try await lost(lying: .seconds(60)) > 100)
    }
}

@Suite(.serialized) struct `The books` {
    @Test func `tell what is lost, what is there twice, and what nobody sent`() async throws {
        let system = try await Gatehouse()
        let now = Int(Date().timeIntervalSince1970)
        func life(_ order: Int, _ seed: UInt64) -> Life {
            var random = SeededRandom(seed: seed)
            return Life(order: order, now: now, random: &random)
        }
        // Two versions of one order: the second renewed less often.
        let seeds = UInt64(1)...200
        let most = try #require(seeds.max { life(1, $0).renewals < life(1, $1).renewals })
        let least = try #require(seeds.min { life(1, $0).renewals < life(1, $1).renewals })
        let known = [life(90_000_001, most), life(90_000_002, most)]
        let bodies = known.flatMap { $0.webhooks(account: Gatehouse.account, secret: Gatehouse.secret) }.map(\.body)
        _ = try await Post(targets: system.targets, seed: 1).send(bodies, by: system.http)
        try await system.drained()
        func books(_ lives: [Life]) async throws -> Books { try await Books(of: lives, site: "demo", in: system.pool) }
        #expect(try await books(known).areRight)
        #expect(try await books(known + [life(90_000_003, least)]).lost == 1)
        #expect(try await books([known[0]]).unexpected == 1)
        #expect(try await books([life(90_000_001, least), known[1]]).duplicated > 0)
        try await system.end()
    }
}
