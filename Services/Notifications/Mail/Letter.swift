package import Domain
package import Foundation
import Mustache
package import Store

/// What we write to people, each with its template in text and in HTML.
package enum Letter: Sendable {
    case welcome(Person, link: String)
    case paymentFailed(Person, plan: String?, until: Date?)
    case accessEnding(Person, plan: String?, until: Date?)
    case endpointOff(Endpoint)

    /// Whom a member's letter goes to, and whose it is.
    package struct Person: Sendable {
        package var email: EmailAddress
        package var name: String?
        package var site: Site.ID
        package var siteName: String

        package init(email: EmailAddress, name: String?, site: Site.ID, siteName: String) {
            self.email = email
            self.name = name
            self.site = site
            self.siteName = siteName
        }
    }

    /// The letter as it will be sent; nil when nobody wants it.
    package func mail(about key: String, at now: Date) throws -> Mail? {
        guard let recipient else { return nil }
        let text = try Self.render(template.text, values)
        let html = try Self.render(template.html, values)
        // The first line of the text is the subject.
        let lines = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        return Mail(
            id: .new(at: now),
            site: site,
            template: template.name,
            dedupeKey: "\(template.name)/\(key)",
            recipient: recipient,
            subject: String(lines.first ?? ""),
            text: String(lines.count > 1 ? lines[1] : ""),
            html: html,
            createdAt: now
        )
    }

    private var recipient: EmailAddress? {
        switch self {
        case .welcome(let person, _), .paymentFailed(let person, _, _), .accessEnding(let person, _, _): person.email
        case .endpointOff(let endpoint): endpoint.contact
        }
    }

    private var site: Site.ID? {
        switch self {
        case .welcome(let person, _), .paymentFailed(let person, _, _), .accessEnding(let person, _, _): person.site
        case .endpointOff(let endpoint): endpoint.owner.site
        }
    }

    private var template: (name: String, text: [UInt8], html: [UInt8]) {
        switch self {
        case .welcome: ("welcome", PackageResources.welcome_text_mustache, PackageResources.welcome_html_mustache)
        case .paymentFailed:
            (
                "payment-failed", PackageResources.payment_failed_text_mustache,
                PackageResources.payment_failed_html_mustache
            )
        case .accessEnding:
            (
                "access-ending", PackageResources.access_ending_text_mustache,
                PackageResources.access_ending_html_mustache
            )
        case .endpointOff:
            ("endpoint-off", PackageResources.endpoint_off_text_mustache, PackageResources.endpoint_off_html_mustache)
        }
    }

    private var values: [String: String] {
        switch self {
        case .welcome(let person, let link): person.values.merging(["link": link]) { $1 }
        case .paymentFailed(let person, let plan, let until), .accessEnding(let person, let plan, let until):
            person.values.merging(["plan": plan, "until": until.map(Self.day)].compactMapValues { $0 }) { $1 }
        case .endpointOff(let endpoint):
            [
                "host": URL(string: endpoint.url)?.host ?? "the endpoint",
                "endpoint": endpoint.id.description,
                "reason": endpoint.state == .gone
                    ? "it answered that it is gone (410)" : "for five days every attempt has failed",
                "since": (endpoint.failing?.since ?? endpoint.stateSince).formatted(.iso8601),
            ]
        }
    }

    /// `3 March 2026`, in UTC.
    private static func day(_ date: Date) -> String {
        date.formatted(
            Date.FormatStyle(locale: Locale(identifier: "en_GB"), timeZone: .gmt).day().month(.wide).year()
        )
    }

    private static func render(_ template: [UInt8], _ values: [String: String]) throws -> String {
        try MustacheTemplate(string: String(decoding: template, as: UTF8.self)).render(values)
    }
}

extension Letter.Person {
    fileprivate var values: [String: String] {
        ["name": name, "site": siteName, "email": email.original].compactMapValues { $0 }
    }
}

// MARK: From messages

extension Letter {
    /// The kinds of messages that members have letters about.
    package static let kinds: [Message.Kind] = [.memberCreated, .subscriptionPastDue, .subscriptionCanceled]

    /// The letter about a message, and the key under which nobody gets it twice; nil when there is nobody to write to.
    package static func about(_ message: MailableMessage) throws -> (letter: Letter, key: String)? {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        decoder.dateDecodingStrategy = .iso8601
        let facts = try decoder.decode(Told.self, from: Data(message.body)).data
        guard let member = facts.member, let email = EmailAddress(member.email) else { return nil }
        let person = Person(email: email, name: member.firstName, site: message.site, siteName: message.siteName)
        switch message.kind {
        case .memberCreated: return (.welcome(person, link: message.signInURL), member.id)
        case .subscriptionPastDue:
            return (
                .paymentFailed(person, plan: facts.plan?.name, until: facts.entitlement?.accessUntil),
                message.id.description
            )
        case .subscriptionCanceled:
            return (
                .accessEnding(person, plan: facts.plan?.name, until: facts.entitlement?.accessUntil),
                message.id.description
            )
        default: return nil
        }
    }

    private struct Told: Decodable {
        var data: Facts

        struct Facts: Decodable {
            var member: Member?
            var plan: Plan?
            var entitlement: Entitlement?
        }
        struct Member: Decodable {
            var id: String
            var email: String
            var firstName: String?
        }
        struct Plan: Decodable { var name: String }
        struct Entitlement: Decodable { var accessUntil: Date? }
    }
}
