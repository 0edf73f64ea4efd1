import CLibPQ

/// Where Postgres is, and how long we are ready to wait for it.
package struct PostgresConfiguration: Sendable {
    /// libpq's own words (host, port, user, …) from the address.
    private(set) var parameters: [String: String]

    /// Connections at most, each with a thread of its own. 4 to 8 saturate a server.
    package var poolSize = 4
    /// How long a caller waits for a connection, a new one's making included.
    package var waitTimeout: Duration = .seconds(5)
    /// How long one attempt to connect may take, all hosts together.
    package var connectTimeout: Duration = .seconds(5)
    /// How long the server may work on one statement; nil for as long as it likes.
    package var statementTimeout: Duration? = .seconds(30)
    /// How long after `statementTimeout` we give a silent server up. Also how long a cancelled statement may take to stop.
    package var answerGrace: Duration = .seconds(5)
    /// How long a transaction may lie idle before the server ends its session.
    package var idleInTransactionTimeout: Duration = .seconds(60)
    /// How old a connection gets before it is replaced.
    package var connectionLifetime: Duration = .seconds(1800)
    /// Prepared statements kept for each connection; 0 prepares none, as a pooler between us and Postgres may want.
    package var statementCacheSize = 256
    /// What `pg_stat_activity` calls us.
    package var applicationName = "gatehouse"

    /// Reads `postgres://user:password@host:port/database?sslmode=…`, or a unix socket's folder as `?host=/folder`.
    package init(url: String) throws(PostgresError) {
        guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") else {
            throw .badURL(reason: "it doesn't begin with postgres://")
        }
        var complaint: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(url, &complaint) else {
            // libpq's complaint quotes the address, password and all.
            PQfreemem(complaint)
            throw .badURL(reason: "it isn't of the form postgres://user:password@host:port/database?option=value")
        }
        defer { PQconninfoFree(options) }
        parameters = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { parameters[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        // libpq would find out when it connects, and then we would try again and again.
        let ports = (parameters["port"] ?? "").split(separator: ",")
        guard ports.allSatisfy({ UInt16($0) ?? 0 > 0 }) else {
            throw .badURL(reason: "the port isn't a number from 1 to 65535")
        }
    }

    /// The same server, another database.
    package func database(_ name: String) -> Self {
        var copy = self
        copy.parameters["dbname"] = name
        return copy
    }

    /// All that libpq is told at the start of a session.
    var startParameters: [String: String] {
        var all: [String: String] = [
            "application_name": applicationName,
            "client_encoding": "UTF8",
            "keepalives": "1",
            "keepalives_idle": "30",
            "keepalives_interval": "10",
            "keepalives_count": "3",
            "tcp_user_timeout": "\((statementTimeout ?? .seconds(30)).milliseconds)",
        ]
        all.merge(parameters) { _, given in given }
        // libpq ignores its own time-out when it doesn't block; ours is `connectTimeout`.
        all["connect_timeout"] = nil
        let options = [
            "-c statement_timeout=\(statementTimeout?.milliseconds ?? 0)",
            "-c idle_in_transaction_session_timeout=\(idleInTransactionTimeout.milliseconds)",
        ]
        all["options"] = (options + [parameters["options"]].compactMap(\.self)).joined(separator: " ")
        return all
    }
}

/// The address without its password.
extension PostgresConfiguration: CustomStringConvertible, CustomReflectable {
    package var description: String {
        let host = parameters["host"] ?? parameters["hostaddr"] ?? "the default host"
        return "\(host):\(parameters["port"] ?? "5432")/\(parameters["dbname"] ?? "the default database")"
    }

    package var customMirror: Mirror {
        Mirror(self, children: ["address": description, "poolSize": poolSize])
    }
}

extension Duration {
    /// Rounded up, so that a short time-out doesn't become none, and at most what Postgres and poll can count.
    var milliseconds: Int {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let whole = Int(clamping: min(seconds, 2_000_000)) * 1000
        return whole + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
