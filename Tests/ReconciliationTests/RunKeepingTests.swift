import Domain
import Foundation
import Postgres
import Store
import TestKit
import Testing

@testable import ReconciliationJobs

/// One process at a time has a run, and says so.
@Suite struct `Keeping a run` {
    private func run(at site: Site.ID) -> Reconciliation {
        Reconciliation(site: site, provider: .thriveCart, mode: .live, kind: .asked, at: .now)
    }

    @Test func `a run that ends while it says that it goes on has ended, and was taken by nobody`() async throws {
        try await withBookShop { shop in
            var keeping = RunKeeping(store: shop.store, now: { .now })
            keeping.pulse = .microseconds(1)
            for _ in 1...100 {
                let ended = try await keeping.run(run(at: shop.site.id), isRehearsal: false) { run, _ in
                    run
                } lookAgain: {
                    .init()
                }
                #expect(ended.state == .succeeded)
            }
        }
    }

    @Test func `a run that another process has taken stops`() async throws {
        try await withBookShop { shop in
            var keeping = RunKeeping(store: shop.store, now: { .now })
            keeping.pulse = .milliseconds(1)
            await #expect(throws: ReconciliationProblem.takenOver) {
                _ = try await keeping.run(run(at: shop.site.id), isRehearsal: false) { run, _ in
                    try await shop.store.pool.query("UPDATE reconciliations SET holder = gen_random_uuid()")
                    for await _ in AsyncStream<Never>.makeStream().stream {}  // until it is cancelled
                    try Task.checkCancellation()
                    return run
                } lookAgain: {
                    .init()
                }
            }
        }
    }
}
