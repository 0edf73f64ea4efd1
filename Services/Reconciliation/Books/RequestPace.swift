package import Domain
import Foundation
package import Logging
package import Redis

/// Turns for requests to one account: all processes together make no more in a minute than the account has.
///
/// The turns are counted in Redis by its clock. While Redis is away each process keeps to the pace on its own, so that
/// reading the books does not stop; together they may then be too quick, and the provider says 429.
package struct RequestPace: Sendable {
    private let redis: RedisClient
    private let perMinute: Int
    private let provider: String
    private let logger: Logger

    /// Requests that may be made at once after a quiet time.
    private static let burst = 5

    /// - Parameter perMinute: 0 is without a limit, for a sandbox.
    package init(redis: RedisClient, perMinute: Int, at provider: Provider = .thriveCart, logger: Logger) {
        self.redis = redis
        self.provider = provider.rawValue
        self.perMinute = perMinute
        self.logger = logger
    }

    /// Returns when a request may be made.
    package func turn(for account: String) async throws {
        guard perMinute > 0 else { return }
        // So that the burst and what follows it stay within the limit in any minute.
        let interval = 60_000 / max(1, perMinute - Self.burst)
        do {
            let answer = try await redis.evaluate(
                Self.script,
                keys: ["gatehouse:pace:{\(provider)/\(account)}"],
                arguments: [.int(interval), .int(Self.burst)]
            )
            let wait = min(max(0, answer.int ?? 0), 60_000)
            if wait > 0 { try await Task.sleep(for: .milliseconds(wait)) }
        } catch let error as RedisError {
            logger.warning("the pace is kept without Redis", metadata: ["error": "\(error)"])
            try await Task.sleep(for: .milliseconds(interval))
        }
    }

    /// KEYS 1  when the next turn would be due if turns were evenly spaced, in milliseconds
    /// ARGV 1  milliseconds between two turns
    ///      2  how many may be taken ahead
    /// Answer  how many milliseconds to wait before the turn that was just taken
    ///
    /// Source: the generic cell rate algorithm, ITU-T I.371.
    private static let script = RedisScript(
        """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
        local due = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
        redis.call('SET', KEYS[1], due + interval, 'PX', due + interval - now + 60000)
        return math.max(0, due - now - interval * (burst - 1))
        """
    )
}
