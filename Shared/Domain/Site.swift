package import Foundation

/// A tenant: one seller's membership. Nothing of one site ever touches another's.
package struct Site: Sendable, Hashable {
    package typealias ID = Identifier<Site>

    package enum Status: String, Sendable, Codable, CaseIterable {
        case active
        /// Its webhooks are refused; what its members have stays.
        case suspended
    }

    package var id: ID
    package var slug: Slug
    package var name: String
    /// The subdomain at ThriveCart, lower case; nil while the site does not sell there.
    package var thriveCartAccount: String?
    /// Whether rehearsals give access. Source: rule F13.
    package var testModeGrants: Bool
    package var policy: AccessPolicy
    package var status: Status
    package var createdAt: Date

    package init(
        id: ID,
        slug: Slug,
        name: String,
        thriveCartAccount: String?,
        testModeGrants: Bool = false,
        policy: AccessPolicy = AccessPolicy(),
        status: Status = .active,
        createdAt: Date
    ) {
        self.id = id
        self.slug = slug
        self.name = name
        let account = thriveCartAccount?.trimmingBlanks().lowercased()
        self.thriveCartAccount = account == "" ? nil : account
        self.testModeGrants = testModeGrants
        self.policy = policy
        self.status = status
        self.createdAt = createdAt
    }

    /// Whether what is bought in this mode opens anything. Source: rule F13.
    package func grants(in mode: Mode) -> Bool {
        mode == .live || testModeGrants
    }
}

/// How long access outlives the money, in days.
package struct AccessPolicy: Sendable, Hashable, Codable {
    /// Kept after a decline, counted from the first of them. Source: rule F4.
    package var graceDays: Int
    /// Kept when a renewal is due and nobody says a word: silence is no worse than a decline. Source: rule F3.
    package var slackDays: Int

    package init(graceDays: Int = 7, slackDays: Int = 7) {
        self.graceDays = graceDays
        self.slackDays = slackDays
    }

    var grace: TimeInterval { TimeInterval(graceDays) * 86_400 }
    var slack: TimeInterval { TimeInterval(slackDays) * 86_400 }
}

/// A short name in addresses and on the command line: lower case letters, digits and hyphens, at most 63.
package struct Slug: Sendable, Hashable, Codable {
    package let text: String

    /// Nil for anything else; upper case and blanks around it are forgiven.
    package init?(_ text: String) {
        let text = text.trimmingBlanks().lowercased()
        let isAllowed = { (byte: UInt8) in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
        }
        guard (1...63).contains(text.utf8.count), text.utf8.allSatisfy(isAllowed), !text.hasPrefix("-"),
            !text.hasSuffix("-")
        else { return nil }
        self.text = text
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let slug = Self(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a slug")
        }
        self = slug
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

extension Slug: CustomStringConvertible {
    package var description: String { text }
}
