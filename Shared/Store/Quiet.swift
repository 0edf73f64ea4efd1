package import Postgres

/// Who hears of the messages that a transaction stages.
package enum Hearers: String, Sendable, CaseIterable {
    case everybody
    /// Endpoints, and no member by letter.
    case endpoints
    /// The messages are kept as history, and told to nobody.
    case nobody
}

extension Transaction {
    /// For the rest of the transaction.
    package func tell(only hearers: Hearers) throws(PostgresError) {
        guard hearers != .everybody else { return }
        try rows("SELECT set_config('gatehouse.hearers', \(hearers.rawValue), true)")
    }

    static var tellsEndpoints: Query { "coalesce(current_setting('gatehouse.hearers', true), '') <> 'nobody'" }
    static var sendsLetters: Query { "coalesce(current_setting('gatehouse.hearers', true), '') = ''" }
}
