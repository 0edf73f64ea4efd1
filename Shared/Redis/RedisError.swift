/// What kept a call from its answer.
///
/// Two of these leave it open whether the server did the work, see `outcomeIsUnknown`; all others mean that it did not, or
/// that it said no. Nothing is ever sent a second time on its own.
package enum RedisError: Error, Sendable, Hashable {
    /// There is no connection, and the last try to get one failed like this.
    case connect(String)
    /// The client or the connection was closed by us.
    case closed
    /// The deadline passed before the command was written. The server never saw it.
    case timedOut
    /// The task was cancelled before the command was written. The server never saw it.
    case cancelled
    /// The command was written and its answer lost: to a deadline, a cancellation or a broken connection.
    case outcomeUnknown
    /// Too many calls wait already, see `RedisConfiguration.maximumWaiting`. The server never saw this one.
    case queueFull
    /// The server answered with an error: `WRONGTYPE`, `OOM`, `LOADING`, `ERR`, …
    case server(code: String, message: String)
    /// The server sent what is no RESP2. The connection is closed.
    case protocolBroken(String)
    /// A command without a single word, for which a server has no answer.
    case emptyCommand
    case badURL(String)
}

extension RedisError {
    /// Whether the same call may succeed later, so that its caller should try again and not give up.
    ///
    /// A refused password is among them: it is the operator's to mend, and the work that waits is not to blame.
    package var isTransient: Bool {
        switch self {
        case .connect, .closed, .timedOut, .cancelled, .outcomeUnknown, .queueFull, .protocolBroken: true
        case .server(let code, _): Self.transientCodes.contains(code)
        case .emptyCommand, .badURL: false
        }
    }

    /// Whether the server may have done the work although no answer came. Repeat only what is harmless twice.
    package var outcomeIsUnknown: Bool {
        switch self {
        case .outcomeUnknown, .protocolBroken: true
        case .connect, .closed, .timedOut, .cancelled, .queueFull, .server, .emptyCommand, .badURL: false
        }
    }

    /// The server refused the greeting, and will refuse it again until somebody changes a setting.
    var isHopeless: Bool {
        guard case .server(let code, let message) = self else { return false }
        if ["NOAUTH", "WRONGPASS", "NOPERM"].contains(code) { return true }
        return !isTransient && !message.hasPrefix("max number of clients")
    }

    /// The first word of the server's error, `NOSCRIPT` or `WRONGTYPE`; nil for errors of our own side.
    package var code: String? {
        guard case .server(let code, _) = self else { return nil }
        return code
    }

    private static let transientCodes: Set<String> = [
        "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOAUTH", "NOPERM", "NOREPLICAS", "NOSCRIPT", "OOM",
        "READONLY", "TRYAGAIN", "UNBLOCKED", "WRONGPASS",
    ]
}

extension RedisError {
    /// Reads `CODE message`; what has no code in capitals is an `ERR`.
    init(reply: String) {
        let code = reply.prefix { $0 != " " }
        guard !code.isEmpty, code.utf8.allSatisfy({ (65...90).contains($0) || (48...57).contains($0) || $0 == 95 })
        else {
            self = .server(code: "ERR", message: reply)
            return
        }
        self = .server(code: String(code), message: String(reply.dropFirst(code.count + 1)))
    }
}

extension RedisError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .connect(let reason): "no connection to Redis: \(reason)"
        case .closed: "the connection to Redis was closed by us"
        case .timedOut: "the deadline passed before the command was sent to Redis"
        case .cancelled: "cancelled before the command was sent to Redis"
        case .outcomeUnknown: "the command was sent to Redis and its answer lost"
        case .queueFull: "too many calls wait for Redis"
        case .server(let code, let message): "Redis answered \(code) \(Self.withoutData(message))"
        case .protocolBroken(let reason): "Redis sent what is no RESP2: \(reason)"
        case .emptyCommand: "a command needs at least one word"
        case .badURL(let reason): "not a Redis URL: \(reason)"
        }
    }

    /// The server repeats our own words in some messages ("unknown command 'X', with args beginning with: …").
    private static func withoutData(_ message: String) -> String {
        let marks = ["with args beginning with", "'", "\"", "`"]
        var end = message.endIndex
        for mark in marks {
            if let found = message.firstRange(of: mark) { end = min(end, found.lowerBound) }
        }
        return String(message[..<end].prefix(160))
    }
}
