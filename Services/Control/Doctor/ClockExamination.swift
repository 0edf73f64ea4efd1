import Foundation
import Jobs
import Postgres
import Redis

/// Whether the clocks of Redis, Postgres and this machine agree: leases, access and charges go by them.
struct ClockExamination {
    let redis: Desk?
    let database: Desk?

    func findings() async -> [Finding] {
        var findings: [Finding] = []
        if let redis { findings.append(await finding("Redis") { try await Self.redisTime(redis) }) }
        if let database { findings.append(await finding("Postgres") { try await Self.postgresTime(database) }) }
        return findings
    }

    private static func redisTime(_ desk: Desk) async throws -> Date {
        let answer = try await desk.redis.call(["TIME"])
        guard let parts = answer.array, parts.count == 2, let seconds = parts[0].string.flatMap(Double.init),
            let micros = parts[1].string.flatMap(Double.init)
        else { throw CommandProblem.failure("Redis did not tell its time") }
        return Date(timeIntervalSince1970: seconds + micros / 1e6)
    }

    private static func postgresTime(_ desk: Desk) async throws -> Date {
        guard let time = try await desk.database.query("SELECT clock_timestamp()").decode(Date.self).first else {
            throw CommandProblem.failure("Postgres did not tell its time")
        }
        return time
    }

    /// What they say is compared with the middle of the time that asking took; half of that is the doubt.
    private func finding(_ name: String, _ ask: () async throws -> Date) async -> Finding {
        do {
            let before = Date.now
            let theirs = try await ask()
            let after = Date.now
            let doubt = after.timeIntervalSince(before) / 2
            return Self.verdict(on: name, offset: theirs.timeIntervalSince(before) - doubt, doubt: doubt)
        } catch {
            return Finding(.clocks, error)
        }
    }

    /// - Parameters:
    ///   - offset: theirs less ours, in seconds.
    ///   - doubt: how wrong that may be either way.
    static func verdict(on name: String, offset: Double, doubt: Double) -> Finding {
        let off = max(0, abs(offset) - doubt)
        let text = Span.text(.milliseconds(Int(min(abs(offset) * 1000, 1e12))))
        guard off >= 1 else { return .ok(.clocks, "\(name) and this machine agree within \(text)") }
        let what = "the clock of \(name) is \(text) \(offset < 0 ? "behind" : "ahead of") this machine's"
        let fix = "set both by NTP: timedatectl set-ntp true, on each machine"
        return off >= 5 ? .problem(.clocks, what, fix: fix) : .warning(.clocks, what, fix: fix)
    }
}
