import Domain
import ThriveCart

/// What the account knows of one customer, asked for at most once.
struct CustomerRecord: Sendable {
    private let books: ThriveCartAPI
    private var answer: ThriveCartCustomer??

    init(books: ThriveCartAPI) {
        self.books = books
    }

    mutating func of(_ email: EmailAddress?) async throws -> ThriveCartCustomer? {
        if let answer { return answer }
        guard let email else { return nil }
        let customer = try await books.customer(email)
        answer = .some(customer)
        return customer
    }
}
