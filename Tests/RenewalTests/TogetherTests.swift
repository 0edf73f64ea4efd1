import Domain
import Foundation
import Jobs
import RenewalJobs
import SandboxKit
import Store
import TestKit
import Testing

@Suite struct `Charges that run side by side` {
    @Test func `are each made once, and one without a vault token stops no other`() async throws {
        try await Cashier.open { cashier in
            let token = try await cashier.paypal.vaultToken()
            var ids: [VaultSubscription.ID] = []
            for _ in 0..<24 { ids.append(try await cashier.subscribe(token: token)) }
            let bad = try await cashier.subscribe(token: token)
            try await cashier.deps.store.transaction { try $0.forgetVaultToken(of: bad) }
            let due = try await cashier.due(ids[0], 1)

            // Each twice, as when a lease was lost.
            let failed = await withTaskGroup(of: VaultSubscription.ID?.self) { tasks in
                for id in ids + ids + [bad] {
                    tasks.addTask {
                        do {
                            try await cashier.work(id, at: due)
                            return nil
                        } catch {
                            return id
                        }
                    }
                }
                return await tasks.compactMap { $0 }.reduce(into: []) { $0.append($1) }
            }
            #expect(failed == [bad])
            #expect(cashier.captures == ids.count)
            for id in ids {
                #expect(try await cashier.attempts(id).map(\.state) == [.captured])
                #expect(try await cashier.row(id).nextPeriod == 2)
            }
            #expect(try await cashier.attempts(bad).isEmpty)
            try await cashier.expectInvariants(at: due)
        }
    }

    @Test func `of one subscription see what the first has made`() async throws {
        try await Cashier.open { cashier in
            let (one, other) = (try await cashier.subscribe(), try await cashier.subscribe())
            let due = try await cashier.due(one, 1)
            let notices = [one, other, one].map { RenewalNotice(.wake, of: $0, from: .api, at: due) }
            let turns = try await cashier.deps.store.transaction { transaction in
                try transaction.advance(notices, reducer: RenewalReducer(), form: .oneStep) { _, attempt in
                    FrozenBody(sealed: [1], of: [1])
                }
            }
            #expect(turns.map { $0?.commands.count } == [1, 1, 0])
            #expect(turns.map { $0?.renewal.subscription.id } == [one, other, one])
            #expect(turns.map { $0?.frozen.count } == [1, 1, 0])
        }
    }

    @Test func `leave the subscription due until their outcome is known`() async throws {
        try await Cashier.open { cashier in
            let id = try await cashier.subscribe()
            let due = try await cashier.due(id, 1)
            let turn = try await cashier.deps.store.transaction { transaction in
                try transaction.advance(id, .wake, from: .api, at: due) { _, _ in FrozenBody(sealed: [1], of: [1]) }
            }
            let lease = try #require(turn?.renewal.state.wakeAt)
            #expect(try await cashier.row(id).nextActionAt == due)
            let found = try await cashier.deps.store.read { try $0.dueRenewals(by: lease, limit: 10) }
            #expect(Set(found.map(\.subscription)) == [id], "the sweep brings it back, whatever became of the worker")

            // Before the lease's end nobody else sends it; after it, it is sent again.
            try await cashier.work(id, at: due + 1)
            #expect(cashier.captures == 0)
            #expect(try await cashier.attempts(id).map(\.sends) == [1])
        }
    }
}
