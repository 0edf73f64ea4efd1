import FaultKit
import Foundation
import Seeds
import TestKit
import Testing

@Suite(.serialized) struct `Crashes in the middle of a load` {
    @Test func `kill -9 of ingress, fulfillment and Redis loses nothing and applies nothing twice`() async throws {
        let system = try await Gatehouse(.init(ingress: 2, fulfillment: 2))
        var random = SeededRandom(seed: 20_261_121)
        let now = Int(Date().timeIntervalSince1970)
        let lives = (1...200).map { Life(order: 50_000_000 + $0, now: now, random: &random) }
        let bodies = lives.flatMap { $0.webhooks(account: Gatehouse.account, secret: Gatehouse.secret) }.map(\.body)

        let accepted = Post.Counter()
        let post = Post(targets: system.targets, seed: 7)
        async let record = post.send(bodies, by: system.http, counting: accepted)
        var chaos = Chaos(on: system)
        let harms: [Chaos.Harm] = [
            .kill(.ingress(0)), .kill(.fulfillment(0)), .killRedis, .kill(.ingress(1)), .kill(.fulfillment(1)),
            .restartPostgres, .killRedis, .kill(.fulfillment(0)),
        ]
        for (number, harm) in harms.enumerated() {
            let point = bodies.count * (number + 1) / (harms.count + 1)
            try await eventually { accepted.value >= point }
            try await chaos.inflict(harm)
        }
        #expect(try await record.accepted >= bodies.count)

        try await system.drained()
        let books = try await Books(of: lives, site: "demo", in: system.pool)
        #expect(books.findings.isEmpty, "\(books.findings.prefix(10).joined(separator: "\n"))")
        #expect(books.lost == 0 && books.duplicated == 0 && books.unexpected == 0)
        try await system.end()
    }
}
