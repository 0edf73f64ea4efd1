import Domain
import Foundation
import FulfillmentJobs
import Postgres
import Store
import TestKit
import ThriveCart

/// A site with its plans on a database of its own, and what the ingress and fulfillment do with a body that is posted.
struct Seller: Sendable {
    let store: Store
    let database: TestDatabase
    let site: Site
    private let verifier: ThriveCartVerifier

    /// - Parameter plans: item key → plan.
    init(plans: [String: String], testModeGrants: Bool = false) async throws {
        database = try await TestDatabase.fresh(.gatehouse)
        store = database.store
        let site = Site(
            id: .new(at: Self.opened),
            slug: try Self.slug("example-studio"),
            name: "Example Studio",
            thriveCartAccount: "examplestudio",
            testModeGrants: testModeGrants,
            createdAt: Self.opened
        )
        self.site = site
        verifier = ThriveCartVerifier(secrets: ["TESTSECRET00"], account: site.thriveCartAccount)
        let items = Dictionary(grouping: plans, by: \.value).mapValues { Set($0.compactMap { ItemKey($0.key) }) }
        try await store.transaction { transaction in
            _ = try transaction.insert(site)
            for (name, items) in items {
                _ = try transaction.insert(
                    Plan(
                        id: .new(at: Self.opened),
                        site: site.id,
                        slug: try Self.slug(name),
                        name: name.capitalized,
                        items: items,
                        createdAt: Self.opened
                    )
                )
            }
        }
    }

    private static let opened = Date(timeIntervalSince1970: 1_500_000_000)

    private static func slug(_ text: String) throws -> Slug {
        guard let slug = Slug(text) else { throw NoSlug(text: text) }
        return slug
    }

    private struct NoSlug: Error {
        var text: String
    }

    /// Posts a body; answers the status that the ingress would. What is accepted is applied at once.
    @discardableResult
    func post(_ body: [UInt8], at now: Date) async throws -> Int {
        let payload: ThriveCartPayload
        do {
            payload = try ThriveCartBody.parse(body)
        } catch .tooLarge {
            return 413
        } catch {
            return 400
        }
        if payload.isPing { return 200 }
        guard verifier.accepts(payload) else { return 401 }
        try await apply(payload.withoutSecret(), at: now)
        return 200
    }

    @discardableResult
    func apply(_ body: [UInt8], receivedAt: Date? = nil, at now: Date) async throws -> Applied {
        let delivery = delivery(body, receivedAt: receivedAt ?? now)
        return try await store.transaction { try $0.apply(delivery, at: now) }
    }

    func delivery(_ body: [UInt8], receivedAt: Date) -> Delivery {
        Delivery(site: site.id, provider: .thriveCart, receivedAt: receivedAt, body: body)
    }

    /// Posts a fixture, with some of its fields replaced.
    @discardableResult
    func post(_ file: String, _ replace: [String: String] = [:], at now: Double) async throws -> Int {
        let body = try Parcel(file: file, replace: replace).body(in: ScenarioFile.events)
        return try await post(body, at: Date(timeIntervalSince1970: now))
    }

    func member(_ email: String) async throws -> Member? {
        guard let email = EmailAddress(email) else { return nil }
        return try await store.read { try $0.member(email: email, of: site.id) }
    }

    /// Column by column, the rows of a query that answers text.
    func texts(_ query: Query) async throws -> [String] {
        try await database.pool.query(query).decode(String.self)
    }

    /// What has been told, in order.
    func messages() async throws -> [String] { try await texts("SELECT type FROM outbox ORDER BY position") }

    /// Settles every order again, as after a change of plans or policy.
    func rederive(at now: Double) async throws {
        let cause = Cause(.byOperator, "plan link", at: Date(timeIntervalSince1970: now))
        var last: Order.ID?
        repeat {
            let before = last
            last = try await store.transaction { try $0.rederive(site.id, after: before, limit: 2, cause) }
        } while last != nil
    }

    /// What an address has of a plan; nil for nobody and nothing.
    func access(of email: String, to plan: String, at now: Date) async throws -> EntitlementState? {
        try await store.read { transaction in
            guard let address = EmailAddress(email), let slug = Slug(plan),
                let member = try transaction.member(email: address, of: site.id),
                let plan = try transaction.plan(slug: slug, of: site.id)
            else { return nil }
            return try transaction.access(of: member.id, to: plan.id, at: now)
        }
    }

    func count(_ query: Query) async throws -> Int {
        try await database.pool.query(query).decode(Int.self).first ?? 0
    }

    /// Everything that must not depend on the order of deliveries, as lines of text.
    func endState() async throws -> [String] {
        try await database.pool.query(
            """
            SELECT concat_ws(' ', 'member', email, email_original, first_name, last_name, billing_email, origin)
            FROM members
            UNION ALL
            SELECT concat_ws(' ', 'order', o.provider, o.mode, o.number, m.email, o.sold_at, o.invoice, o.currency,
                o.total_gross, o.flags)
            FROM orders o LEFT JOIN members m ON m.id = o.member
            UNION ALL
            SELECT concat_ws(' ', 'item', o.mode, o.number, i.item_key, i.sold_at, i.paid_gross, i.recurs, i.next_due,
                i.frequency, i.subscription, i.suspension, i.suspended_at, i.suspension_period_end, i.cancelled_at,
                i.cancelled_period_end, i.completed_at,
                (SELECT array_agg(concat_ws(',', p.key, p.paid_at, p.amount_gross, p.next_due, p.remaining)
                    ORDER BY p.key) FROM order_payments p WHERE p.order_item = i.id),
                (SELECT array_agg(f.key ORDER BY f.key) FROM order_failures f WHERE f.order_item = i.id),
                (SELECT array_agg(concat_ws(',', r.key, r.amount_gross) ORDER BY r.key)
                    FROM order_refunds r WHERE r.order_item = i.id))
            FROM order_items i JOIN orders o ON o.id = i.order_id
            UNION ALL
            SELECT concat_ws(' ', 'entitlement', m.email, p.slug, o.mode, o.number, i.item_key, e.status, e.access,
                e.access_until, e.paid_through, e.next_change_at)
            FROM entitlements e
            JOIN members m ON m.id = e.member
            JOIN plans p ON p.id = e.plan
            JOIN order_items i ON i.id = e.order_item
            JOIN orders o ON o.id = i.order_id
            WHERE e.status <> 'none'
            UNION ALL
            SELECT concat_ws(' ', 'lead', email, item_key, abandoned_at, status) FROM leads
            UNION ALL
            SELECT concat_ws(' ', 'key', key) FROM idempotency_keys WHERE key NOT LIKE '%/-/%'
            ORDER BY 1
            """
        )
        .decode(String.self)
    }
}

extension ItemKey: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) {
        self.init(text)!
    }
}
