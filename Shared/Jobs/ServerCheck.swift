import Redis

/// Something about the Redis server that would cost jobs one day.
package struct ServerProblem: Sendable, Hashable, CustomStringConvertible {
    package enum Severity: String, Sendable { case loses, risks }

    /// `loses`: acknowledged jobs are lost when Redis or its machine dies. `risks`: it may refuse or lose in rarer cases.
    package var severity: Severity
    package var what: String
    /// What to do about it.
    package var fix: String

    package var description: String { "\(what): \(fix)" }
}

extension JobQueue {
    /// Whether the server keeps what it acknowledged: settings and the state of its append-only file.
    ///
    /// Empty when all is well. A managed Redis that hides its settings is asked for what `INFO` shows.
    package func serverProblems() async throws(JobsError) -> [ServerProblem] {
        let info: [String: String], settings: [String: String]
        do {
            info = Self.info(try await redis.call(["INFO", "everything"]).string ?? "")
            settings = try await Self.settings(redis)
        } catch {
            throw .redis(error)
        }
        var problems: [ServerProblem] = []
        func expect(_ holds: Bool, _ severity: ServerProblem.Severity, _ what: String, _ fix: String) {
            if !holds { problems.append(ServerProblem(severity: severity, what: what, fix: fix)) }
        }
        func setting(_ name: String, is wanted: String, _ severity: ServerProblem.Severity) {
            guard let value = settings[name], value != wanted else { return }
            expect(false, severity, "\(name) is \(value)", "CONFIG SET \(name) \(wanted), then CONFIG REWRITE")
        }

        expect(
            info["aof_enabled"] == "1",
            .loses,
            "there is no append-only file",
            "CONFIG SET appendonly yes, then CONFIG REWRITE"
        )
        setting("appendfsync", is: "always", .loses)
        setting("no-appendfsync-on-rewrite", is: "no", .loses)
        expect(
            (info["maxmemory_policy"] ?? settings["maxmemory-policy"]) == "noeviction",
            .loses,
            "maxmemory-policy is \(info["maxmemory_policy"] ?? "unknown")",
            "CONFIG SET maxmemory-policy noeviction, then CONFIG REWRITE"
        )
        if info["aof_enabled"] == "1" {
            expect(
                info["aof_last_write_status"] == "ok",
                .loses,
                "the append-only file cannot be written",
                "free disk space, look at the server's log"
            )
            expect(
                info["aof_last_bgrewrite_status"] ?? "ok" == "ok",
                .risks,
                "the append-only file was not rewritten and keeps growing",
                "look at the server's log; vm.overcommit_memory should be 1"
            )
        }
        expect(
            info["maxmemory"] != "0",
            .risks,
            "there is no memory limit, so the kernel may end the server",
            "CONFIG SET maxmemory to four fifths of the memory, then CONFIG REWRITE"
        )
        expect(info["role"] != "slave", .loses, "this is a replica", "point REDIS_URL at the primary")
        return problems
    }

    private static func info(_ text: String) -> [String: String] {
        var fields: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { fields[String(parts[0])] = String(parts[1]) }
        }
        return fields
    }

    /// Empty where the server does not let us look.
    private static func settings(_ redis: RedisClient) async throws(RedisError) -> [String: String] {
        do {
            let answer = try await redis.call(["CONFIG", "GET", "*append*"])
            return (answer.dictionary ?? [:]).compactMapValues(\.string)
        } catch {
            guard case .server = error else { throw error }
            return [:]
        }
    }
}
