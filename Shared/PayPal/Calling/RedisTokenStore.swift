internal import Foundation
package import Logging
package import Redis
package import Sealing

/// Keeps PayPal's token in Redis, sealed: whoever reads Redis can't call PayPal.
package struct RedisTokenStore: TokenStore {
    private let redis: RedisClient
    private let sealer: Sealer
    private let key: String
    private let logger: Logger

    /// Before the rest, because nobody is waiting for this one longer than for PayPal itself.
    private static let patience = Duration.seconds(1)

    package init(redis: RedisClient, sealer: Sealer, settings: PayPalSettings, logger: Logger) {
        self.redis = redis
        self.sealer = sealer
        self.logger = logger
        let owner = Digest.hex(Digest.sha256(settings.base + "\n" + settings.clientID).prefix(8))
        key = "gatehouse:paypal:token:" + owner
    }

    package func token() async -> AccessToken? {
        do {
            guard let sealed = try await redis.call(["GET", .text(key)], deadline: Self.patience).bytes else {
                return nil
            }
            return try JSONDecoder().decode(AccessToken.self, from: Data(try sealer.open(sealed, for: key)))
        } catch {
            logger.warning("PayPal's token can't be read from Redis", metadata: ["error": "\(type(of: error))"])
            return nil
        }
    }

    package func keep(_ token: AccessToken) async {
        do {
            let sealed = try sealer.seal(try JSONEncoder().encode(token), for: key)
            let seconds = Int(exactly: token.expiresAt.timeIntervalSinceNow.rounded(.down)) ?? 0
            guard seconds > 0 else { return }
            try await redis.call(["SET", .text(key), .bytes(sealed), "EX", .int(seconds)], deadline: Self.patience)
        } catch {
            logger.warning("PayPal's token can't be put into Redis", metadata: ["error": "\(type(of: error))"])
        }
    }

    package func forget(_ token: AccessToken) async {
        // Because another process may have put a newer one there since.
        guard await self.token() == token else { return }
        do {
            try await redis.call(["DEL", .text(key)], deadline: Self.patience)
        } catch {
            logger.warning("PayPal's token can't be taken from Redis", metadata: ["error": "\(type(of: error))"])
        }
    }
}
