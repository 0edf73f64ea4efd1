package import Domain
package import Foundation
package import Postgres

extension Transaction {
    package func insertWalletDomain(_ domain: String, of merchant: Merchant.ID, at now: Date) throws(PostgresError) {
        try run(
            """
            INSERT INTO wallet_domains (merchant, domain, registered_at)
            VALUES (\(merchant), \(domain), \(now))
            ON CONFLICT (merchant, domain) DO NOTHING
            """
        )
    }

    package func deleteWalletDomain(_ domain: String, of merchant: Merchant.ID) throws(PostgresError) -> Bool {
        try run("DELETE FROM wallet_domains WHERE merchant = \(merchant) AND domain = \(domain)") == 1
    }

    package func walletDomains(of merchant: Merchant.ID) throws(PostgresError) -> [String] {
        try rows("SELECT domain FROM wallet_domains WHERE merchant = \(merchant) ORDER BY domain").decode(String.self)
    }
}
