import Foundation
import FulfillmentJobs
import Jobs
import Redis

/// Whether Redis keeps what it accepts, has room, is new enough, and holds what the ingress needs.
struct RedisExamination {
    let desk: Desk
    /// With keys, where there are any.
    let sealer: Desk?

    /// Script flags came with 7.0.
    private static let oldest = (major: 7, minor: 0)

    func findings() async -> [Finding] {
        do {
            let redis = try desk.redis
            let start = ContinuousClock.now
            let info = RedisInfo(try await redis.call(["INFO", "everything"]).string ?? "")
            let trip = ContinuousClock.now - start
            var findings = [version(info, trip)]
            findings += try await durability(redis)
            if let memory = memory(info) { findings.append(memory) }
            findings.append(try await ingressSettings(redis))
            return findings
        } catch {
            return [Finding(.redis, error)]
        }
    }

    private func version(_ info: RedisInfo, _ trip: Duration) -> Finding {
        let version = info["redis_version"] ?? "unknown"
        let numbers = version.split(separator: ".").compactMap { Int($0) }
        let milliseconds = (trip.inSeconds * 10_000).rounded() / 10
        guard numbers.count >= 2, (numbers[0], numbers[1]) >= (Self.oldest.major, Self.oldest.minor) else {
            return .problem(
                .redis,
                "its version is \(version), and the queue's scripts need 7.0",
                fix: "upgrade to Redis 7.0 or later, or Valkey 7.2 or later"
            )
        }
        return .ok(.redis, "answers in \(milliseconds) ms, version \(version)")
    }

    private func durability(_ redis: RedisClient) async throws -> [Finding] {
        let problems = try await desk.queues.serverProblems()
        var findings = problems.map { problem in
            problem.severity == .loses
                ? Finding.problem(.redis, "\(problem.what): it loses accepted webhooks", fix: problem.fix)
                : Finding.warning(.redis, problem.what, fix: problem.fix)
        }
        if try await redis.durability() == .hidden {
            findings.append(
                .warning(
                    .redis,
                    "it hides its settings, so nobody knows whether it keeps what it accepts",
                    fix: "see at your provider that every write reaches the disk, then set REDIS_DURABILITY=trust"
                )
            )
        } else if !problems.contains(where: { $0.severity == .loses }) {
            findings.append(.ok(.redis, "keeps what it accepts: appendonly yes, appendfsync always, noeviction"))
        }
        return findings
    }

    private func memory(_ info: RedisInfo) -> Finding? {
        guard let used = info["used_memory"].flatMap(Double.init), let limit = info["maxmemory"].flatMap(Double.init),
            limit > 0
        else { return nil }
        let percent = Int(min(100, used / limit * 100))
        let what = "\(percent) % of its memory limit is used"
        let fix = "start more workers, see gatehouse queues; or CONFIG SET maxmemory to more, then CONFIG REWRITE"
        if percent >= 95 { return .problem(.redis, "\(what): soon it refuses webhooks", fix: fix) }
        return percent >= 80 ? .warning(.redis, what, fix: fix) : .ok(.redis, what)
    }

    /// Without them an ingress that starts refuses every webhook.
    private func ingressSettings(_ redis: RedisClient) async throws -> Finding {
        guard let sealed = try await redis.call(["GET", .text(IngressSettings.key)]).bytes else {
            return .problem(
                .redis,
                "it holds no verification settings: an ingress that starts now refuses every webhook",
                fix: "start fulfillment, which publishes them within a minute"
            )
        }
        guard let sealer = try? sealer?.sealer else {  // Because missing keys are a finding of their own.
            return .unknown(.redis, "the ingress's verification settings could not be opened without APP_KEYS")
        }
        do {
            let settings = try IngressSettings(opening: sealed, with: sealer)
            return .ok(
                .redis,
                "holds the verification settings of \(settings.sites.count.counted("site")) for the ingress"
            )
        } catch {
            return .problem(
                .redis,
                "the ingress's verification settings can't be opened with these APP_KEYS",
                fix: "give all processes the same APP_KEYS"
            )
        }
    }
}

/// The lines of `INFO`.
struct RedisInfo {
    private var fields: [Substring: String] = [:]

    init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { fields[parts[0]] = String(parts[1]) }
        }
    }

    subscript(name: String) -> String? { fields[Substring(name)] }
}
