import Domain
import Foundation
import Postgres
import Store
import TestKit
import Testing

/// The real sender, in a network of its own where every forbidden address answers and counts who comes.
///
/// Addresses get into the tables as if no form had looked at them, so what is proved is the last wall, for each field that
/// takes one: an endpoint's and a merchant's. `EndpointURLTests` and the forms' own tests prove the walls before it.
@Suite(.serialized) struct `Addresses that lead behind our walls` {
    @Test func `nobody is called, whatever the address looks like and whatever its name says`() async throws {
        guard let network = try await CanaryNetwork.make() else {
            return print(
                "canary: skipped, for this machine lets us make no network (unshare -n) or has no python3 or ip"
            )
        }
        let site = try await TestSite()
        let corpus = AddressCorpus.all
        #expect(corpus.count >= 400)
        let (wellFormed, refused) = (
            corpus.filter { $0.hasPrefix("http://") || $0.hasPrefix("https://") },
            corpus.filter { !$0.hasPrefix("http://") && !$0.hasPrefix("https://") }
        )
        for url in refused {
            await #expect(throws: PostgresError.self, "\(url)") { try await site.endpoint(url) }
        }
        for url in wellFormed { try await site.endpoint(url) }
        try await site.stage()
        let event = try Forward(event: "WH-1", type: "PAYMENT.CAPTURE.COMPLETED", body: Array("{}".utf8))
        for (number, url) in wellFormed.enumerated() {
            let shop = try await site.merchant(webhooks: url, of: "M\(number)")
            try await site.store.transaction { _ = try $0.stageForward(event, to: shop.id, at: Date()) }
        }

        // Without OUTBOUND_ALLOW, and with the rules that let the most through to the address itself.
        let notifications = try await NotificationsProcess(
            site,
            settings: ["OUTBOUND_ALLOW": "", "OUTBOUND_PLAIN": "true", "LOG_LEVEL": "error"],
            within: network.words
        )
        let process = try notifications.start()
        try await eventually(within: .seconds(120)) {
            let tried = try await site.count("SELECT count(*) FROM deliveries WHERE attempts > 0")
            return tried >= 2 * wellFormed.count
        }
        await process.kill()

        let answered = try await site.count("SELECT count(*) FROM delivery_attempts WHERE status IS NOT NULL")
        #expect(answered == 0)
        let report = try network.report()
        #expect(report.strangers == [], "somebody was called")
        // They do count: the network called each of them once itself.
        #expect(report.listeners > 10)
        #expect(report.ownCalls == report.listeners)
        // And the names were asked for: those that change, that are mixed, that point to others.
        for name in ["rebind0", "mixed", "alias"] { #expect(report.asked.contains("\(name).canary.example")) }
        print(
            "canary: \(corpus.count) addresses in 2 fields, \(report.listeners) canaries, \(report.strangers.count) connects"
        )
    }
}
