import Domain
import Foundation
import NotificationJobs
import Outbound
import Postgres
import Sealing
import Store
import TestKit

extension DatabaseTemplate {
    /// All our tables.
    static let migrated = DatabaseTemplate("migrated") { pool in
        try await Schema.migrations.apply(to: pool)
    }
}

/// A site in a database of the test's own, with what stages messages and makes endpoints.
struct TestSite: Sendable {
    static let keys = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    let database: TestDatabase
    let store: Store
    let sealer: Sealer
    let id: Site.ID
    let databaseURL: String

    init() async throws {
        database = try await TestDatabase.fresh(.migrated)
        store = Store(database.pool)
        sealer = Sealer(try SealingKeys(parsing: Self.keys))
        id = .new(at: Date())
        let server = try await TestDatabase.server()
        let name = try await database.pool.query("SELECT current_database()::text").decode(String.self)[0]
        databaseURL = server.url.replacing("/postgres?", with: "/\(name)?")
        let slug = Slug("demo")!
        let site = Site(id: id, slug: slug, name: "Demo", thriveCartAccount: nil, createdAt: Date())
        try await store.transaction { _ = try $0.insert(site) }
    }

    struct MadeEndpoint: Sendable {
        var id: Endpoint.ID
        /// 32 bytes.
        var secret: [UInt8]
    }

    @discardableResult
    func endpoint(
        _ url: String,
        types: Set<Message.Kind> = [],
        plan: Plan.ID? = nil,
        contact: String? = nil
    ) async throws -> MadeEndpoint {
        let now = Date()
        let endpoint = Endpoint(
            id: .new(at: now),
            owner: .site(id),
            url: url,
            plan: plan,
            types: types,
            contact: contact.flatMap(EmailAddress.init),
            stateSince: now,
            createdAt: now
        )
        let made = try NewEndpointSecret(for: endpoint.id, sealedBy: sealer, at: now)
        try await store.transaction { transaction in
            try transaction.insert(endpoint)
            try transaction.insert(made.stored)
        }
        return MadeEndpoint(id: endpoint.id, secret: made.bytes)
    }

    struct MadeMerchant: Sendable {
        var id: Merchant.ID
        var payPalID: String
        /// 64 characters.
        var secret: [UInt8]
    }

    func merchant(
        webhooks url: String,
        of payPalID: String = "HF5SN9RKCTNJ2",
        hasSecret: Bool = true
    ) async throws -> MadeMerchant {
        let made = MadeMerchant(
            id: .new(at: Date()),
            payPalID: payPalID,
            secret: Array(String(repeating: "0123456789abcdef", count: 4).utf8)
        )
        let sealed = hasSecret ? try sealer.seal(made.secret, for: Merchant.place(ofSecretOf: made.id)) : nil
        let merchant = Merchant(
            id: made.id,
            environment: .sandbox,
            payPalID: made.payPalID,
            secretHash: Digest.sha256(made.id.description),
            siteURL: "https://shop.example",
            webhooksURL: url,
            state: hasSecret ? .connected : .pending,
            stateSince: Date(),
            createdAt: Date()
        )
        try await store.transaction { try $0.insert(merchant, webhookSecret: sealed) }
        return made
    }

    /// Stages messages in one transaction each.
    @discardableResult
    func stage(
        _ kind: Message.Kind = .memberUpdated,
        member: Member.ID = .new(at: Date()),
        name: String = "Ana"
    ) async throws -> Member.ID {
        try await store.transaction { transaction in
            var facts = MessageFacts()
            facts.member = MessageFacts.Member(person(member, name))
            try transaction.stage(kind, facts, of: id, at: Date())
        }
        return member
    }

    func person(_ id: Member.ID, _ name: String = "Ana") -> Member {
        let email = EmailAddress("ana@example.com")!
        return Member(id: id, site: self.id, email: email, firstName: name, origin: .sale, createdAt: Date())
    }

    /// The staged bodies by message id, as the database has them.
    func bodies() async throws -> [String: [UInt8]] {
        let rows = try await database.pool.query("SELECT id, body FROM outbox").decode((Message.ID, [UInt8]).self)
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.description, $1) })
    }

    func count(_ query: Query) async throws -> Int {
        try await database.pool.query(query).decode(Int.self)[0]
    }
}
