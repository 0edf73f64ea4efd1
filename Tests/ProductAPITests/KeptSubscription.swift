import Domain
import Postgres
import Store

extension RunningAPI {
    /// What is kept of the subscription that shops know by this id.
    func kept(_ id: String) async throws -> VaultSubscription? {
        try await store.read { transaction in
            try transaction.rows("SELECT id FROM vault_subscriptions WHERE paypal_id = \(id)")
                .decode(VaultSubscription.ID.self).first
                .flatMap { try transaction.vaultSubscription($0) }
        }
    }
}
