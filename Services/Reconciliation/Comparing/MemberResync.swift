package import Domain
import Foundation
import Postgres
package import Store
import ThriveCart

/// Looks at all that the books know of one member, by every address that the member has or had. Source: rule H4.
///
/// Safe to run twice, like a run through all of the books.
package struct MemberResync: Sendable {
    private let dependencies: ReconciliationDependencies
    private let site: Site
    private let mode: Mode

    /// Pages of one address that are read at most: a hundred years of monthly payments and more.
    private static let pages = 20

    package init(_ site: Site, in mode: Mode, _ dependencies: ReconciliationDependencies) {
        self.site = site
        self.mode = mode
        self.dependencies = dependencies
    }

    package struct Result: Sendable {
        package var addresses: [EmailAddress] = []
        package var counts = Reconciliation.Counts()
    }

    package func run(_ email: EmailAddress, comparing: BooksComparison.Options) async throws -> Result {
        let books = try await dependencies.ownBooks(of: site, in: mode)
        let comparison = BooksComparison(
            site,
            in: mode,
            books: books,
            store: dependencies.store,
            options: comparing
        )
        var result = Result()
        result.addresses = try await dependencies.store.read { try $0.addresses(knownWith: email, of: site.id) }
        for address in result.addresses {
            var edge = PageEdge()
            for number in 1...Self.pages {
                let askedAt = Date()
                let page = try await books.transactions(page: number, search: address.original)
                if page.rows.isEmpty { break }
                // Because the account's search also finds addresses that only contain this one.
                let own = page.rows.filter { BookEntry(row: $0, mode: mode).email == address }
                result.counts.add(try await comparison.look(at: own, after: &edge, askedAt: askedAt))
            }
        }
        return result
    }
}
