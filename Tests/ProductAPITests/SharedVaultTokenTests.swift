import Domain
import Foundation
import NIOHTTP1
import ProductAPIRoutes
import SandboxKit
import SandboxPages
import Sealing
import Store
import TestKit
import Testing

@Suite(.database(.gatehouse)) struct `One vault token for two subscriptions` {
    @Test func `a vault token goes when the last subscription that renews by it ends`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            var ids: [String] = []
            for _ in 0..<2 {
                let created = try await api.subscribe(merchant, RunningAPI.subscription("paypal", trialDays: 3))
                try await api.approve(setupToken: created.id)
                ids.append(created.id)
            }
            let (one, two) = (ids[0], ids[1])
            #expect(try await api.activate(merchant, one).statusText == "trialing")
            let first = try await api.call(.GET, "/subscriptions/\(one)", bearer: merchant.bearer)
            let token = try #require(first.json["vault_id"]?.text)
            // PayPal may give a buyer's wallet the token that it has.
            try await api.attach(token, to: try #require(try await api.kept(two)).id)
            #expect(try await api.activate(merchant, two).statusText == "trialing")

            let canceled = try await api.call(.POST, "/subscriptions/\(one)/cancel", bearer: merchant.bearer)
            #expect(canceled.status == 200 && canceled.json["vault_deleted"] == false)
            #expect(try await api.requests("payment_tokens.delete").isEmpty)
            #expect(try await api.kept(one)?.hasVaultToken == false)
            #expect(try await api.kept(two)?.hasVaultToken == true)
            let last = try await api.call(.POST, "/subscriptions/\(two)/cancel", bearer: merchant.bearer)
            #expect(last.json["vault_deleted"] == true)
        }
    }
}

extension RunningAPI {
    func attach(_ token: String, to id: VaultSubscription.ID) async throws {
        let sealed = try api.sealer.seal(token, for: VaultSubscription.place(ofTokenOf: id))
        let hash = Digest.sha256(token)
        try await store.transaction { _ = try $0.attachVaultToken(sealed, hash: hash, customerID: nil, to: id) }
    }
}
