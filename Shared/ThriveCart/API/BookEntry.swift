package import Domain
package import Foundation

/// One fact as ThriveCart's books tell it, in the shape in which it is kept and applied like a webhook's body.
///
///     {"event":"transaction.rebill","event_id":"1325600007","mode":"live","transaction":{…},"subscription":{…}}
///     {"event":"state.paused","date_unix":"1790000000","mode":"live","transaction":{…},"subscription":{…}}
///
/// `transaction` is a row of the books as it came, `subscription` what the customer's record says of it, where that was
/// asked for. A row has no field for the mode: it is the one that was asked in.
package struct BookEntry: Sendable, Hashable {
    /// The names that the read API itself uses.
    package enum State: String, Sendable, CaseIterable {
        case active, paused, cancelled, completed
    }

    package let row: PostValue
    package let mode: Mode
    /// Set where the entry is about how a subscription stands, and not about the row: since when we know.
    package var state: State?
    package var observedAt: Date?
    /// The subscription's own entry in the customer's record.
    package var subscription: PostValue?

    package init(row: PostValue, mode: Mode) {
        self.row = row
        self.mode = mode
    }

    /// Reads what `body` wrote.
    package init?(body: [UInt8]) {
        guard let value = PostValue(json: body), let row = value["transaction"], let name = value["event"]?.words,
            let mode = value["mode"]?.words.flatMap(Mode.init(rawValue:))
        else { return nil }
        self.row = row
        self.mode = mode
        subscription = value["subscription"]
        if name.hasPrefix("state.") {
            state = State(rawValue: String(name.dropFirst("state.".count)))
            observedAt = value["date_unix"]?.words.flatMap { Date(thriveCart: $0) }
            guard state != nil else { return nil }
        }
    }

    /// The same row, as an entry about how its subscription stands.
    package func standing(_ state: State, since moment: Date) -> BookEntry {
        var entry = self
        entry.state = state
        entry.observedAt = moment
        return entry
    }

    package var body: [UInt8] {
        var fields: [PostValue.Member] = []
        if let state {
            fields.append(.init("event", .text("state.\(state.rawValue)")))
            let seconds = observedAt.flatMap { Int64(exactly: $0.timeIntervalSince1970.rounded(.down)) } ?? 0
            fields.append(.init("date_unix", .text(String(seconds))))
        } else {
            fields.append(.init("event", .text("transaction.\(row["transaction_type"]?.words?.lowercased() ?? "")")))
            if let id = row["event_id"]?.words { fields.append(.init("event_id", .text(id))) }
        }
        fields += [
            .init("mode", .text(mode.rawValue)), .init("mode_int", .text(mode == .live ? "2" : "1")),
            .init("transaction", row),
        ]
        if let subscription { fields.append(.init("subscription", subscription)) }
        return fields.jsonEncoded()
    }

    /// What it tells, in our words. Throws what only a row of a thousand fields does.
    package func event(account: String) throws(ThriveCartError) -> CheckoutEvent {
        try ThriveCartBody.parse(body).checkoutEvent(account: account)
    }

    /// How the row says that its subscription stands now; nil where it has none, and for words nobody knows.
    package var rowState: State? {
        row["subscription_current_status"]?.words.flatMap { State(rawValue: $0.lowercased()) }
    }

    /// The row's number; the books may show a row twice while they are paged.
    package var record: String? { row["event_id"]?.words }
    package var bookedAt: Date? { (row["timestamp"] ?? row["time"])?.words.flatMap { Date(thriveCart: $0) } }
    package var email: EmailAddress? { row["customer"]?["email"]?.words.flatMap { EmailAddress($0) } }
}
