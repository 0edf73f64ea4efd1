/// What can go wrong between us and Postgres.
///
/// No case carries a row's data: the server's own message and detail quote values, so both are dropped.
package enum PostgresError: Error, Hashable {
    /// The address can't be used. The reason never quotes it, because it may hold a password.
    case badURL(reason: String)
    /// No connection could be made. The reason is libpq's and names hosts and roles, never a password.
    case connect(sqlstate: String?, reason: String)
    /// The pool was closed, or a transaction was used after its body returned.
    case closed
    /// The connection broke before the work was committed, so nothing of it has happened.
    case connectionLost
    /// The connection broke, or the server fell silent, after COMMIT or a lone statement was sent: it may have happened.
    case outcomeUnknown
    /// The server refused a statement.
    case server(Refusal)
    /// COMMIT found that a statement had failed before and rolled back: the body must not swallow errors.
    case rolledBack
    /// The statement took longer than its time-out, or the server didn't answer at all.
    case timedOut
    /// The task was cancelled. `PostgresPool` turns it into a `CancellationError`.
    case cancelled
    /// No connection came free in time.
    case poolExhausted
    /// A column doesn't hold what the caller asked for.
    case decode(column: String, reason: String)
    /// A value that Postgres can't hold, refused before it was sent. Values are counted from 1.
    case value(position: Int, reason: String)
    /// The migrations and the database don't fit together.
    case migration(name: String, problem: String)

    /// A refusal by the server, without its words.
    package struct Refusal: Hashable, Sendable {
        /// Five characters. Source: PostgreSQL, appendix A.
        package var sqlstate: String
        package var constraint: String?
        package var table: String?
        package var column: String?
        /// Our own SQL around the place the server points at, with `$1` where values are bound.
        package var near: String?

        package init(
            sqlstate: String,
            constraint: String? = nil,
            table: String? = nil,
            column: String? = nil,
            near: String? = nil
        ) {
            self.sqlstate = sqlstate
            self.constraint = constraint
            self.table = table
            self.column = column
            self.near = near
        }
    }
}

// MARK: What callers ask

extension PostgresError {
    /// Whether the same work may succeed later.
    ///
    /// This doesn't say that nothing has happened: see `outcomeUnknown`.
    package var isTransient: Bool {
        switch self {
        case .connectionLost, .outcomeUnknown, .timedOut, .poolExhausted: true
        case .connect(let sqlstate, _): sqlstate.map(Self.isTransient) ?? true
        case .server(let refusal): Self.isTransient(refusal.sqlstate)
        case .badURL, .closed, .rolledBack, .cancelled, .decode, .value, .migration: false
        }
    }

    /// Whether no connection was to be had, so that the work did not even begin.
    package var isOutage: Bool {
        switch self {
        case .connect: isTransient
        case .poolExhausted: true
        default: false
        }
    }

    /// Whether the whole transaction lost against another one and can be run again at once.
    package var isSerializationFailure: Bool {
        sqlstate == "40001" || sqlstate == "40P01"
    }

    package var sqlstate: String? {
        switch self {
        case .server(let refusal): refusal.sqlstate
        case .connect(let sqlstate, _): sqlstate
        default: nil
        }
    }

    /// Whether a row with the same key exists already; with a name, only by that constraint or unique index.
    package func isUniqueViolation(_ constraint: String? = nil) -> Bool {
        isViolation("23505", of: constraint)
    }

    package func isForeignKeyViolation(_ constraint: String? = nil) -> Bool {
        isViolation("23503", of: constraint)
    }

    package func isCheckViolation(_ constraint: String? = nil) -> Bool {
        isViolation("23514", of: constraint)
    }

    private func isViolation(_ sqlstate: String, of constraint: String?) -> Bool {
        guard case .server(let refusal) = self, refusal.sqlstate == sqlstate else { return false }
        return constraint == nil || refusal.constraint == constraint
    }

    /// Connection failures, lost races, shut-downs, sessions ended for idling, exhausted resources, failing disks, and a
    /// primary that became a standby.
    private static func isTransient(_ sqlstate: String) -> Bool {
        switch sqlstate {
        case "40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "57P05", "25P03", "25006": true
        default: sqlstate.hasPrefix("08") || sqlstate.hasPrefix("53") || sqlstate.hasPrefix("58")
        }
    }
}

// MARK: In words

extension PostgresError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .badURL(let reason): "the Postgres address can't be used: \(reason)"
        case .connect(let sqlstate?, let reason): "can't connect to Postgres (\(sqlstate)): \(reason)"
        case .connect(nil, let reason): "can't connect to Postgres: \(reason)"
        case .closed: "the Postgres pool is closed, or the transaction is over"
        case .connectionLost: "the connection to Postgres was lost; nothing was committed"
        case .outcomeUnknown: "the connection to Postgres was lost while it committed; it may have"
        case .server(let refusal): "Postgres refused: \(refusal)"
        case .rolledBack: "the transaction was rolled back because an earlier statement in it had failed"
        case .timedOut: "Postgres took too long"
        case .cancelled: "cancelled"
        case .poolExhausted: "no Postgres connection came free in time"
        case .decode(let column, let reason): "column \(column): \(reason)"
        case .value(let position, let reason): "value $\(position): \(reason)"
        case .migration(let name, let problem): "migration \(name): \(problem)"
        }
    }
}

extension PostgresError.Refusal: CustomStringConvertible {
    package var description: String {
        var words = sqlstate
        if let name = Self.names[sqlstate] { words += " \(name)" }
        if let table { words += ", table \(table)" }
        if let column { words += ", column \(column)" }
        if let constraint { words += ", constraint \(constraint)" }
        if let near { words += ", near: \(near)" }
        return words
    }

    /// The ones that an operator meets. Source: PostgreSQL, appendix A.
    private static let names = [
        "22001": "string_data_right_truncation", "22003": "numeric_value_out_of_range",
        "22007": "invalid_datetime_format", "22021": "character_not_in_repertoire",
        "22P02": "invalid_text_representation", "23502": "not_null_violation", "23503": "foreign_key_violation",
        "23505": "unique_violation", "23514": "check_violation", "25006": "read_only_sql_transaction",
        "25P02": "in_failed_sql_transaction", "25P03": "idle_in_transaction_session_timeout",
        "28000": "invalid_authorization_specification", "28P01": "invalid_password", "3D000": "invalid_catalog_name",
        "40001": "serialization_failure", "40P01": "deadlock_detected", "42501": "insufficient_privilege",
        "42601": "syntax_error", "42703": "undefined_column", "42804": "datatype_mismatch",
        "42883": "undefined_function", "42P01": "undefined_table", "42P18": "indeterminate_datatype",
        "53100": "disk_full", "53200": "out_of_memory", "53300": "too_many_connections",
        "55P03": "lock_not_available", "57014": "query_canceled", "57P01": "admin_shutdown",
        "57P02": "crash_shutdown", "57P03": "cannot_connect_now",
    ]
}
