package import Domain
package import Foundation
package import Postgres

/// What a message tells, `data` in its envelope. Parts that a kind does not have are left out.
package struct MessageFacts: Sendable, Encodable {
    package struct Member: Sendable, Hashable, Encodable {
        package var id: Domain.Member.ID
        package var email: String
        package var firstName: String?
        package var lastName: String?
    }

    package struct Plan: Sendable, Encodable {
        package var id: Domain.Plan.ID
        package var slug: String
        package var name: String
    }

    package struct Entitlement: Sendable, Encodable {
        package var id: Domain.Entitlement.ID
        package var status: Domain.Entitlement.Status
        package var access: Bool
        package var accessUntil: Date?
        package var paidThrough: Date?
    }

    package struct Order: Sendable, Encodable {
        package var id: Domain.Order.ID
        package var provider: Provider
        package var mode: Mode
        package var number: String
        package var items: [ItemKey]
        package var currency: String?
        /// Hundredths, tax included.
        package var totalGross: Int64?
    }

    /// Money that moved, hundredths, tax included.
    package struct Payment: Sendable, Encodable {
        package var item: ItemKey?
        package var amountGross: Int64?
        package var invoice: String?
        package var paidThrough: Date?

        package init(
            item: ItemKey? = nil,
            amountGross: Int64? = nil,
            invoice: String? = nil,
            paidThrough: Date? = nil
        ) {
            self.item = item
            self.amountGross = amountGross
            self.invoice = invoice
            self.paidThrough = paidThrough
        }
    }

    package struct Lead: Sendable, Encodable {
        package var id: Domain.Lead.ID
        package var email: String
        package var firstName: String?
        package var lastName: String?
        package var item: ItemKey?
        package var abandonedAt: Date
    }

    /// A provider's books were compared with ours.
    package struct Reconciliation: Sendable, Encodable {
        package var provider: Provider
        package var mode: Mode
        package var rows: Int
        package var healed: Int
        /// Found, and too young or too uncertain to heal yet.
        package var waiting: Int
        package var needsPerson: Int
        package var startedAt: Date
    }

    package var member: Member?
    package var plan: Plan?
    package var entitlement: Entitlement?
    package var order: Order?
    package var payment: Payment?
    package var lead: Lead?
    package var reconciliation: Reconciliation?

    package init() {}
}

extension Transaction {
    /// Puts a message beside the change that it tells of: both are kept, or neither.
    ///
    /// The body is made here, once: `{"data": …, "event": …, "timestamp": …}`.
    package func stage(
        _ kind: Message.Kind,
        _ facts: MessageFacts,
        of site: Site.ID,
        at now: Date
    ) throws(PostgresError) {
        let body: [UInt8]
        do {
            body = try Envelope(data: facts, event: kind, timestamp: now).bytes()
        } catch {
            // Because nothing in the facts can fail to be JSON: they hold no Double and no keys of their own.
            throw .value(position: 1, reason: "a message could not be encoded")
        }
        try run(
            """
            INSERT INTO outbox (id, site, type, member, order_id, plan, body, created_at, letters, relayed_at)
            VALUES (\(Message.ID.new(at: now)), \(site), \(kind), \(facts.member?.id), \(facts.order?.id),
                \(facts.plan?.id), \(body), \(now), \(Self.sendsLetters),
                CASE WHEN \(Self.tellsEndpoints) THEN NULL ELSE \(now) END)
            """
        )
    }
}

private struct Envelope: Encodable {
    var data: MessageFacts
    var event: Message.Kind
    var timestamp: Date

    func bytes() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.dateEncodingStrategy = .iso8601
        return Array(try encoder.encode(self))
    }
}

// MARK: The nouns as messages tell them

extension MessageFacts.Member {
    package init(_ member: Domain.Member) {
        self.init(
            id: member.id,
            email: member.email.original,
            firstName: member.firstName,
            lastName: member.lastName
        )
    }
}

extension MessageFacts.Plan {
    package init(_ plan: Domain.Plan) {
        self.init(id: plan.id, slug: plan.slug.text, name: plan.name)
    }
}

extension MessageFacts.Entitlement {
    package init(_ entitlement: Domain.Entitlement) {
        self.init(
            id: entitlement.id,
            status: entitlement.state.status,
            access: entitlement.state.hasAccess,
            accessUntil: entitlement.state.accessUntil,
            paidThrough: entitlement.state.paidThrough
        )
    }
}

extension MessageFacts.Order {
    package init(_ order: StoredOrder) {
        self.init(
            id: order.id,
            provider: order.reference.provider,
            mode: order.reference.mode,
            number: order.reference.number,
            items: order.ledger.items.keys.sorted(),
            currency: order.ledger.sale?.currency,
            totalGross: order.ledger.sale?.totalGross
        )
    }
}

extension MessageFacts.Lead {
    package init(_ lead: Domain.Lead) {
        self.init(
            id: lead.id,
            email: lead.email.original,
            firstName: lead.firstName,
            lastName: lead.lastName,
            item: lead.item,
            abandonedAt: lead.abandonedAt
        )
    }
}

extension MessageFacts.Reconciliation {
    package init(_ run: ReconciliationRun) {
        self.init(
            provider: run.provider,
            mode: run.mode,
            rows: run.counts.rows,
            healed: run.counts.healed,
            waiting: run.counts.waiting,
            needsPerson: run.counts.needsPerson,
            startedAt: run.startedAt
        )
    }
}
