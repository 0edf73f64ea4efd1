package import Domain
internal import Foundation

/// The shop as a whole: what is entered in the books goes out as webhooks.
package struct Shop: Sendable {
    package let ledger: Ledger
    package let postman: Postman
    package let clock: ShopClock
    package let books: SellersBooks
    let letters: LetterWriter
    /// What opens the books.
    let apiKey: String

    /// - Parameters:
    ///   - account: the seller's name at ThriveCart, as in `demoshop.thrivecart.com`.
    ///   - secret: the account's secret word; it goes into every body and nowhere else.
    ///   - apiKey: what opens the books.
    ///   - limit: orders that are kept; the oldest is forgotten first.
    package init(
        account: String,
        secret: String,
        apiKey: String = "sandbox-api-key",
        postman: Postman,
        clock: ShopClock = ShopClock(),
        numbers: ShopNumbers = ShopNumbers(startedAt: Date()),
        limit: Int = 2000
    ) {
        self.postman = postman
        self.clock = clock
        self.apiKey = apiKey
        books = SellersBooks()
        ledger = Ledger(clock: clock, numbers: numbers, limit: limit)
        letters = LetterWriter(account: account, secret: secret)
    }

    package var account: String { letters.account }

    // MARK: What a buyer does

    package func buy(_ cart: Cart) async throws -> ShopOrder {
        let (order, events) = try await ledger.buy(cart)
        await books.enter(events)
        await tell(events)
        return order
    }

    package func abandon(_ cart: Cart) async throws {
        await postman.send(letters.letters(about: try await ledger.abandon(cart)))
    }

    // MARK: What happens to an order

    package enum Change: Sendable, Hashable {
        case renew, decline, cancel, pause, resume
        /// Hundredths; nil is all that is left.
        case refund(Int64?)
    }

    /// Makes it happen, and answers with the order as it then is.
    package func change(_ id: String, _ item: ItemKey?, _ change: Change) async throws -> ShopOrder {
        let events =
            switch change {
            case .renew: try await ledger.renew(id, item)
            case .decline: try await ledger.decline(id, item)
            case .cancel: try await ledger.cancel(id, item)
            case .pause: try await ledger.pause(id, item)
            case .resume: try await ledger.resume(id, item)
            case .refund(let amount): try await ledger.refund(id, item, amount: amount)
            }
        await books.enter(events)
        await tell(events)
        return try await ledger.order(id)
    }

    private func tell(_ events: [ShopEvent]) async {
        await postman.send(events.flatMap { letters.letters(about: $0) })
    }

    /// Forgets orders and deliveries; destinations, faults and the clock stay.
    package func reset() async {
        await ledger.reset()
        await books.forget()
        await postman.forgetDeliveries()
    }
}
