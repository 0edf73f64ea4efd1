import TestKit

/// Does harm while a load runs: `kill -9` on one process after the other, by the seed.
package struct Chaos: Sendable {
    package enum Harm: Hashable, Sendable {
        case kill(Gatehouse.Role)
        case killRedis
        /// `pg_ctl restart -m immediate`: no checkpoint, recovery from the log.
        case restartPostgres
    }

    package private(set) var done: [Harm] = []
    private let system: Gatehouse

    package init(on system: Gatehouse) {
        self.system = system
    }

    /// Does the harm and sees to it that what was killed comes back, as a supervisor would.
    package mutating func inflict(_ harm: Harm) async throws {
        done.append(harm)
        switch harm {
        case .kill(let role): try await system.crash(role)
        case .killRedis:
            await system.redis.kill()
            try await system.redis.start()
        case .restartPostgres:
            await system.postgres.stopImmediately()
            try await system.postgres.start()
        }
    }
}
