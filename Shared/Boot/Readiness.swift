package import Postgres
package import Redis
package import Web

extension ReadinessCheck {
    /// Redis answers, and keeps what it has answered.
    ///
    /// - Parameter checksDurability: false where the operator vouches for a server that hides its settings.
    package static func redis(_ redis: RedisClient, checksDurability: Bool) -> ReadinessCheck {
        ReadinessCheck("redis") {
            do {
                return try await state(redis.durability(), checksDurability: checksDurability)
            } catch {
                return .failed("\(error)", fix: "see that Redis runs and that REDIS_URL is right")
            }
        }
    }

    static func state(_ durability: RedisDurability, checksDurability: Bool) -> CheckState {
        switch durability {
        case .durable: .passed
        case .lacking(let lacks):
            .failed(
                lacks.joined(separator: "; "),
                fix: "run Redis with appendonly yes, appendfsync always, maxmemory-policy noeviction"
            )
        case .hidden where checksDurability:
            .failed(
                "Redis does not show its settings, so nobody knows whether it keeps what it accepts",
                fix: "see at your provider that every write reaches the disk, then set REDIS_DURABILITY=trust"
            )
        case .hidden: .unknown("Redis hides its settings; REDIS_DURABILITY=trust vouches for them")
        }
    }

    /// Postgres answers, and has every migration that this program knows.
    ///
    /// - Parameter pending: the names of the migrations that are still to be applied.
    package static func postgres(
        _ pool: PostgresPool,
        pending: @escaping @Sendable (PostgresPool) async throws -> [String]
    ) -> ReadinessCheck {
        ReadinessCheck("postgres") {
            do {
                let pending = try await pending(pool)
                guard let first = pending.first else { return .passed }
                return .failed(
                    "\(pending.count) migrations are not applied, \(first) first",
                    fix: "run: gatehouse migrate"
                )
            } catch {
                return .failed("\(error)", fix: "see that Postgres runs and that DATABASE_URL is right")
            }
        }
    }
}
