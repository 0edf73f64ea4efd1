/// Whether what this server has answered is still there after a power cut.
package enum RedisDurability: Sendable, Hashable {
    /// Every answered write is on disk, and nothing is thrown away to make room.
    case durable
    /// What is wrong, as settings or facts: `appendfsync is everysec, not always`. Never empty.
    case lacking([String])
    /// The server does not let us look, as managed ones often don't.
    case hidden
}

extension RedisClient {
    /// Asks the server for its settings, for the state of its log, and whether it takes writes at all.
    package func durability(deadline: Duration = .milliseconds(1500)) async throws(RedisError) -> RedisDurability {
        let questions: [[RedisArgument]] = [
            ["CONFIG", "GET", "appendonly"],
            ["CONFIG", "GET", "appendfsync"],
            ["CONFIG", "GET", "maxmemory-policy"],
            ["INFO", "persistence"],
            ["INFO", "replication"],
        ]
        let answers = try await pipeline(questions, deadline: deadline)
        var lacks: [String] = []
        var isHidden = false
        for (answer, wanted) in zip(
            answers,
            [("appendonly", "yes"), ("appendfsync", "always"), ("maxmemory-policy", "noeviction")]
        ) {
            switch answer {
            case .success(let value):
                guard let actual = value.dictionary?[wanted.0]?.string else {
                    isHidden = true
                    continue
                }
                if actual != wanted.1 { lacks.append("\(wanted.0) is \(actual), not \(wanted.1)") }
            case .failure(let error):
                guard case .server(let code, _) = error, !["LOADING", "MASTERDOWN"].contains(code) else { throw error }
                isHidden = true
            }
        }
        for answer in answers.dropFirst(3) {
            guard case .success(let value) = answer, let text = value.string else { continue }
            lacks += Self.complaints(info: text)
        }
        if !lacks.isEmpty { return .lacking(lacks) }
        return isHidden ? .hidden : .durable
    }

    private static func complaints(info text: String) -> [String] {
        text.split(whereSeparator: \.isNewline).compactMap { line in
            switch line {
            case "aof_last_write_status:err": "the last write of its append-only file failed"
            case "loading:1": "it is still loading its data"
            case "role:slave": "it is a replica, which takes no writes"
            default: nil
            }
        }
    }
}
