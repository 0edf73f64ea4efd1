internal import Web

extension PayPalSandbox {
    /// What was told so far and not taken yet, oldest first: an event's own id, its type, its bytes.
    package func takeEvents() -> [(id: String, type: String, body: [UInt8])] {
        withBooks { books in
            let told = books.events.newestFirst.map { ($0.id, $0.type, $0.body) }
            books.events = Shelf(limit: Books.keptEvents)
            return told.reversed()
        }
    }

    /// Answers at a free port of the loopback while `body` runs, which is handed the address.
    package func whileServing<Result: Sendable>(
        _ body: @Sendable (_ address: String) async throws -> Result
    ) async throws -> Result {
        try await withServer([PayPalRoutes(self).routes], logger: logger) { port in
            try await body("http://127.0.0.1:\(port)")
        }
    }
}
