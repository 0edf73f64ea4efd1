package import Logging
package import Redis
internal import ServiceLifecycle
internal import Synchronization

/// Knows whether what Redis accepts now would outlive a power cut, so that nothing else is ever acknowledged.
package final class DurabilityWatch: Service {
    private let redis: RedisClient
    private let trustsHidden: Bool
    private let pause: Duration
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var latest: (durability: RedisDurability, at: ContinuousClock.Instant)?
        var running: Task<RedisDurability?, Never>?
    }

    /// How old an answer may be that we still act upon.
    private static let freshness = Duration.seconds(5)

    /// - Parameter trustsHidden: takes a Redis that hides its settings for durable, because the operator says so.
    package init(redis: RedisClient, trustsHidden: Bool, pause: Duration = .seconds(1), logger: Logger) {
        self.redis = redis
        self.trustsHidden = trustsHidden
        self.pause = pause
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                _ = await self.ask()
                // Because being cancelled ends the loop.
                try? await Task.sleep(for: self.pause)
            }
        }
    }

    enum Verdict: Hashable {
        case durable
        case notDurable
        /// Redis does not answer.
        case unreachable
    }

    /// From memory where that is fresh; else Redis is asked, for two seconds at most.
    func verdict() async -> Verdict {
        if let latest = state.withLock({ $0.latest }), latest.at.duration(to: .now) < Self.freshness {
            return judged(latest.durability)
        }
        return await ask().map(judged) ?? .unreachable
    }

    private func judged(_ durability: RedisDurability) -> Verdict {
        switch durability {
        case .durable: .durable
        case .hidden: trustsHidden ? .durable : .notDurable
        case .lacking: .notDurable
        }
    }

    /// One question at a time. Nil where there was no answer.
    private func ask() async -> RedisDurability? {
        let task = state.withLock { state in
            if let running = state.running { return running }
            let task = Task { await self.asked() }
            state.running = task
            return task
        }
        return await task.value
    }

    private func asked() async -> RedisDurability? {
        // Because an unreachable Redis is an answer here; readiness and the settings' keeper say why.
        let durability = try? await redis.durability()
        let isNew = state.withLock { state in
            state.running = nil
            let before = state.latest?.durability
            if let durability { state.latest = (durability, .now) }
            return durability != nil && durability != before
        }
        if isNew, case .lacking(let lacks) = durability {
            logger.critical(
                "Redis may lose what it accepts: webhooks are refused",
                metadata: ["lacks": .array(lacks.map { .string($0) })]
            )
        }
        return durability
    }
}
