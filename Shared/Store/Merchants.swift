package import Domain
package import Foundation
package import Postgres

extension Merchant {
    /// What its webhook secret is sealed for: bytes copied to another row don't open.
    package static func place(ofSecretOf id: ID) -> String { "merchants.webhook_secret/\(id)" }
}

extension Transaction {
    private static var columns: StaticString {
        """
        id, environment, paypal_id, secret_hash, site_url, webhooks_url, license_key, state, state_since, profile,
        created_at
        """
    }

    package func insert(_ merchant: Merchant, webhookSecret sealed: [UInt8]?) throws(PostgresError) {
        try run(
            """
            INSERT INTO merchants (\(raw: Self.columns), webhook_secret)
            VALUES (\(merchant.id), \(merchant.environment), \(merchant.payPalID), \(merchant.secretHash),
                \(merchant.siteURL), \(merchant.webhooksURL), \(merchant.licenseKey), \(merchant.state),
                \(merchant.stateSince), \(try Self.json(merchant.profile)), \(merchant.createdAt), \(sealed))
            """
        )
    }

    /// Writes what onboarding and PATCH may change, and nothing of others.
    package func update(_ merchant: Merchant) throws(PostgresError) {
        try run(
            """
            UPDATE merchants
            SET secret_hash = \(merchant.secretHash), site_url = \(merchant.siteURL),
                webhooks_url = \(merchant.webhooksURL), license_key = \(merchant.licenseKey),
                state = \(merchant.state), state_since = \(merchant.stateSince),
                profile = \(try Self.json(merchant.profile))
            WHERE id = \(merchant.id)
            """
        )
    }

    package func setWebhookSecret(_ sealed: [UInt8], of id: Merchant.ID) throws(PostgresError) {
        try run("UPDATE merchants SET webhook_secret = \(sealed) WHERE id = \(id)")
    }

    package func webhookSecret(of id: Merchant.ID) throws(PostgresError) -> [UInt8]? {
        try rows("SELECT webhook_secret FROM merchants WHERE id = \(id)").decode([UInt8]?.self).first ?? nil
    }

    package func merchant(_ id: Merchant.ID) throws(PostgresError) -> Merchant? {
        try rows("SELECT \(raw: Self.columns) FROM merchants WHERE id = \(id)").values(Merchant.init(row:)).first
    }

    /// The same, and nobody else changes it until this transaction ends.
    package func lockedMerchant(_ id: Merchant.ID) throws(PostgresError) -> Merchant? {
        try rows("SELECT \(raw: Self.columns) FROM merchants WHERE id = \(id) FOR UPDATE")
            .values(Merchant.init(row:)).first
    }

    /// All connections of a PayPal account, in every state, the oldest first: one a site.
    package func merchants(
        ofAccount payPalID: String,
        in environment: Merchant.Environment
    ) throws(PostgresError) -> [Merchant] {
        try rows(
            """
            SELECT \(raw: Self.columns)
            FROM merchants
            WHERE environment = \(environment)
              AND paypal_id = \(payPalID)
            ORDER BY created_at, id
            """
        )
        .values(Merchant.init(row:))
    }

    /// Whoever had, has or claims this secret, the connected one first.
    package func merchants(
        withSecret hash: [UInt8],
        in environment: Merchant.Environment
    ) throws(PostgresError) -> [Merchant] {
        try rows(
            """
            SELECT \(raw: Self.columns)
            FROM merchants
            WHERE environment = \(environment)
              AND secret_hash = \(hash)
            ORDER BY state <> 'connected', state_since DESC, id
            """
        )
        .values(Merchant.init(row:))
    }

    /// One at a time for one account: onboardings of it wait for each other.
    package func lockAccount(_ payPalID: String, in environment: Merchant.Environment) throws(PostgresError) {
        try rows("SELECT pg_advisory_xact_lock(hashtextextended(\("merchant/\(environment.rawValue)/\(payPalID)"), 0))")
    }

    /// Page by page through all merchants, for lists and key rotation.
    package func merchants(after id: Merchant.ID?, limit: Int) throws(PostgresError) -> [Merchant] {
        try rows(
            """
            SELECT \(raw: Self.columns)
            FROM merchants
            WHERE \(id) IS NULL OR id > \(id)
            ORDER BY id
            LIMIT \(limit)
            """
        )
        .values(Merchant.init(row:))
    }

    /// Those who are connected, page by page.
    package func connectedMerchants(
        in environment: Merchant.Environment,
        after last: Merchant.ID?,
        limit: Int
    ) throws(PostgresError) -> [Merchant] {
        try rows(
            """
            SELECT \(raw: Self.columns)
            FROM merchants
            WHERE environment = \(environment)
              AND state = 'connected'
              AND (\(last) IS NULL OR id > \(last))
            ORDER BY id
            LIMIT \(limit)
            """
        )
        .values(Merchant.init(row:))
    }

    package func saveProfile(_ profile: Merchant.Profile, of id: Merchant.ID) throws(PostgresError) {
        try run("UPDATE merchants SET profile = \(try Self.json(profile)) WHERE id = \(id)")
    }

    /// The merchant leaves: no bearer works, nothing renews, buyers keep what they paid for. False when it had left.
    ///
    /// Subscriptions are canceled, not revoked: their period ends by itself, and nobody is told to take access away.
    @discardableResult
    package func disconnect(_ id: Merchant.ID, at now: Date) throws(PostgresError) -> Bool {
        let changed = try run(
            """
            UPDATE merchants
            SET state = 'disconnected', state_since = \(now)
            WHERE id = \(id)
              AND state = 'connected'
            """
        )
        try run("DELETE FROM merchant_tokens WHERE merchant = \(id)")
        try cancelAll(of: id, at: now)
        return changed == 1
    }

    /// A claim that PayPal refuted, or that another connection took the place of.
    package func deletePendingMerchant(_ id: Merchant.ID) throws(PostgresError) {
        try run("DELETE FROM merchants WHERE id = \(id) AND state = 'pending'")
    }

    private static func json(_ profile: Merchant.Profile) throws(PostgresError) -> PostgresJSON {
        do {
            return try PostgresJSON(encoding: profile, with: Merchant.Profile.encoder)
        } catch {
            // Because a profile is words, flags and dates: it always encodes.
            throw .value(position: 1, reason: "a profile could not be encoded")
        }
    }
}

extension Merchant.Profile {
    fileprivate static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .secondsSince1970
        encoder.outputFormatting = .sortedKeys
        return encoder
    }

    fileprivate static func decoded(_ json: PostgresJSON) -> Self {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .secondsSince1970
        // Because it is only a copy of what PayPal says: what can't be read is asked for again.
        return (try? json.decode(Self.self, with: decoder)) ?? Self()
    }
}

extension Merchant {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(
            id: try row["id"],
            environment: try row["environment"],
            payPalID: try row["paypal_id"],
            secretHash: try row["secret_hash"],
            siteURL: try row["site_url"],
            webhooksURL: try row["webhooks_url"],
            licenseKey: try row["license_key"],
            state: try row["state"],
            stateSince: try row["state_since"],
            profile: Profile.decoded(try row["profile"]),
            createdAt: try row["created_at"]
        )
    }
}
