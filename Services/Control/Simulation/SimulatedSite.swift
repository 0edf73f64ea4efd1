import Domain
import Foundation
import Postgres
import Sealing
import Store
import ThriveCart

/// The site that posts are simulated for, with the secret that its ThriveCart account would send.
struct SimulatedSite: Sendable {
    let site: Site
    let seller: SimulatedSeller

    /// The secret is opened in memory only.
    static func find(_ option: SiteOption, at desk: Desk, now: Date) async throws -> SimulatedSite {
        let (site, secret) = try await desk.store.read { transaction in
            let site = try transaction.site(option)
            return (site, try transaction.currentSecrets(of: site.id, for: .thriveCart, at: now).first)
        }
        guard let account = site.thriveCartAccount, let secret else {
            throw CommandProblem.failure(
                "the site \(site.slug) has no ThriveCart secret that could be sent",
                fix: "gatehouse site rotate-secret \(site.slug) --thrivecart-secret-file FILE"
            )
        }
        let word = try desk.sealer.openText(secret.sealed, for: SiteSecret.place(of: secret.id))
        return SimulatedSite(site: site, seller: SimulatedSeller(account: account, secret: word))
    }
}

extension SimulatedBuyer {
    /// A person of that address. Whoever has the same address has the same number at ThriveCart.
    init(_ email: EmailAddress, name: String?) {
        let words = (name ?? "Sim Buyer").split(separator: " ", maxSplits: 1).map(String.init)
        let number = Digest.sha256(email.normalized).prefix(6).reduce(0) { $0 << 8 | UInt64($1) }
        self.init(
            email: email.original,
            firstName: words.first ?? "Sim",
            lastName: words.count > 1 ? words[1] : "",
            number: "4\(number)",
            processorNumber: "cus_sim\(number)"
        )
    }
}

/// Numbers such as ThriveCart gives, made by chance.
enum SimulatedNumber {
    static func order() -> String { "\(Int.random(in: 70_000_000...79_999_999))" }
    static func record() -> String { "\(Int.random(in: 1_300_000_000...1_999_999_999))" }
    static func subscription() -> String { "\(Int.random(in: 5_000_000...5_999_999))" }
    static func webhook() -> String { UUID().uuidString.lowercased() }

    /// An order's invoice, padded as ThriveCart does.
    static func invoice(of order: String) -> String {
        String(repeating: "0", count: max(0, 9 - order.count)) + order
    }
}
