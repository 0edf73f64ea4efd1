internal import FulfillmentJobs
package import Logging
package import Redis
package import Sealing
internal import ServiceLifecycle
internal import Synchronization
package import Web

/// Keeps the published verification settings in memory, and looks every few seconds whether they have changed.
///
/// What was read once stays until something newer can be read: neither an empty nor an unreachable Redis makes us forget.
package final class SettingsKeeper: Service {
    private let redis: RedisClient
    private let sealer: Sealer
    private let logger: Logger
    private let pause: Duration
    private let state = Mutex(State())

    private struct State {
        var directory: SiteDirectory?
        var sealed: [UInt8] = []
        var complaint: Complaint?
        var lookedAt: ContinuousClock.Instant?
        var running: Task<Void, Never>?
    }

    /// What the last look found wrong.
    private enum Complaint: Hashable {
        case missing
        case unreadable(String)
        case unreachable(String)
    }

    /// - Parameter pause: between two looks.
    package init(redis: RedisClient, sealer: Sealer, pause: Duration = .seconds(3), logger: Logger) {
        self.redis = redis
        self.sealer = sealer
        self.pause = pause
        self.logger = logger
    }

    /// Nil until the settings were read for the first time.
    var directory: SiteDirectory? { state.withLock { $0.directory } }

    /// Looks every few seconds until the process ends.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.look()
                // Because being cancelled ends the loop.
                try? await Task.sleep(for: self.pause)
            }
        }
    }

    /// Looks now, unless somebody did a moment ago: a new site's first webhook must not wait for the next round, and who
    /// posts rubbish must not make us ask Redis each time. Answers whether the settings are others than before.
    func lookAgain(unlessWithin moment: Duration = .seconds(1)) async -> Bool {
        let (before, isRecent) = state.withLock { state in
            (state.sealed, state.running == nil && state.lookedAt.map { $0.duration(to: .now) < moment } ?? false)
        }
        if isRecent { return false }
        await look()
        return state.withLock { $0.sealed } != before
    }

    /// One look at a time; who asks meanwhile waits for its end.
    func look() async {
        let task = state.withLock { state in
            if let running = state.running { return running }
            let task = Task { await self.read() }
            state.running = task
            return task
        }
        await task.value
    }

    private func read() async {
        let complaint: Complaint?
        do {
            let answer = try await redis.call(["GET", .text(IngressSettings.key)], deadline: .seconds(2))
            if let sealed = answer.bytes { complaint = take(sealed) } else { complaint = .missing }
        } catch {
            complaint = .unreachable("\(error)")
        }
        let isNew = state.withLock { state in
            state.running = nil
            state.lookedAt = .now
            defer { state.complaint = complaint }
            return state.complaint != complaint
        }
        if isNew, let complaint { say(complaint) }
    }

    private func take(_ sealed: [UInt8]) -> Complaint? {
        if state.withLock({ $0.sealed == sealed }) { return nil }
        do {
            let directory = SiteDirectory(try IngressSettings(opening: sealed, with: sealer))
            state.withLock { state in
                state.directory = directory
                state.sealed = sealed
            }
            logger.info("verification settings read", metadata: ["sites": .stringConvertible(directory.count)])
            return nil
        } catch let error as SealingError {
            return .unreadable(error.description)
        } catch {
            return .unreadable("not what this release understands")
        }
    }

    private func say(_ complaint: Complaint) {
        let kept: Logger.MetadataValue = .stringConvertible(directory != nil)
        switch complaint {
        case .missing: logger.warning("no verification settings in Redis", metadata: ["kept_in_memory": kept])
        case .unreadable(let why):
            logger.error(
                "verification settings can't be read",
                metadata: ["why": .string(why), "kept_in_memory": kept]
            )
        case .unreachable(let why):
            logger.warning(
                "verification settings out of reach",
                metadata: ["why": .string(why), "kept_in_memory": kept]
            )
        }
    }

    /// Ready as soon as there are settings, however old.
    package var readiness: ReadinessCheck {
        ReadinessCheck("settings") { [weak self] in
            guard let (directory, complaint) = self?.state.withLock({ ($0.directory, $0.complaint) }) else {
                return .passed
            }
            switch (directory, complaint) {
            case (_, .unreadable(let why)):
                return .failed(
                    "the settings in Redis can't be read: \(why)",
                    fix: "give all processes the same APP_KEYS"
                )
            case (.some, nil): return .passed
            case (.some, _): return .unknown("those in memory are used; Redis has none just now")
            case (nil, .unreachable(let why)):
                return .failed(why, fix: "see that Redis runs and that REDIS_URL is right")
            case (nil, _):
                return .failed(
                    "no settings have been published",
                    fix: "start fulfillment, which publishes them, or change a site with gatehouse"
                )
            }
        }
    }
}
