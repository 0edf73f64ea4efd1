package import Foundation

/// Where messages go: the address of a site, a merchant's shop or anybody else who wants to be told.
package struct Endpoint: Sendable, Hashable {
    package typealias ID = Identifier<Endpoint>

    package enum State: String, Sendable, Codable, CaseIterable {
        case enabled
        /// By a person.
        case disabled
        /// By us: it only failed for days.
        case delinquent
        /// By us: it answered 410.
        case gone
    }

    package var id: ID
    /// A merchant has one endpoint at most, its `webhooks_url`.
    package var owner: Message.Owner
    /// As it was typed; checked by `EndpointURL` when it was given, and again whenever it is used.
    package var url: String
    package var description: String?
    /// Only what tells of this plan, or of an order that opens it; nil is all of the owner's.
    package var plan: Plan.ID?
    /// Empty is every type.
    package var types: Set<Message.Kind>
    /// Who is told when it is switched off.
    package var contact: EmailAddress?
    package var state: State
    package var stateSince: Date
    package var failing: Failing?
    package var createdAt: Date

    /// What has happened since the last success.
    package struct Failing: Sendable, Hashable {
        package var since: Date
        package var attempts: Int

        package init(since: Date, attempts: Int) {
            self.since = since
            self.attempts = attempts
        }

        /// Whether it is time to give the endpoint up: nothing but failures for five days, and ten of them at least.
        package func isHopeless(at now: Date) -> Bool {
            attempts >= Self.attempts && now.timeIntervalSince(since) >= Self.patience
        }

        package static let attempts = 10
        package static let patience: TimeInterval = 5 * 86_400
    }

    package init(
        id: ID,
        owner: Message.Owner,
        url: String,
        description: String? = nil,
        plan: Plan.ID? = nil,
        types: Set<Message.Kind> = [],
        contact: EmailAddress? = nil,
        state: State = .enabled,
        stateSince: Date,
        failing: Failing? = nil,
        createdAt: Date
    ) {
        self.id = id
        self.owner = owner
        self.url = url
        self.description = description
        self.plan = plan
        self.types = types
        self.contact = contact
        self.state = state
        self.stateSince = stateSince
        self.failing = failing
        self.createdAt = createdAt
    }
}

/// One message to one endpoint.
package enum Delivery {
    package typealias ID = Identifier<Delivery>

    package enum State: String, Sendable, Codable, CaseIterable {
        case pending, delivered
        /// The schedule is through.
        case failed
        /// Its endpoint was switched off.
        case canceled
    }
}
