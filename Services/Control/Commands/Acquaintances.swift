import Domain
import Postgres
import Store

/// What is known of an address that nobody signs in with: why somebody who paid is not found by it.
struct Acquaintances: Encodable, Sendable {
    /// Members whose orders, or whose bills, have the address.
    var members: [String]
    /// Whether any event names it.
    var hasEvents: Bool

    func show(_ email: String, at site: String, on page: inout Page) {
        for member in members {
            page.line(
                "  it is known as an address of \(member): gatehouse members show \(member.shellWord) --site \(site)"
            )
        }
        if hasEvents {
            page.line(
                "  what was heard of it, and what came of that: gatehouse events list --email \(email.shellWord) --site \(site)"
            )
        } else if members.isEmpty {
            page.line(
                "  nothing was ever heard of it; what ThriveCart knows: gatehouse members resync \(email.shellWord) --site \(site)"
            )
        }
    }
}

extension Transaction {
    func acquaintances(of email: EmailAddress, at site: Site) throws -> Acquaintances {
        var search = InboundEventSearch(site: site.id)
        search.email = email
        search.limit = 1
        return Acquaintances(
            members: try members(alsoKnownBy: email, of: site.id).map(\.original),
            hasEvents: try !self.search(search).isEmpty
        )
    }
}
