internal import Foundation
internal import HTTPTypes
internal import Redis
internal import Sealing
internal import Web

/// How often somebody may ask: so many in a minute, spread or at once, for all of our processes together.
///
/// While Redis is away everybody may: a shop that can't get a token can't sell.
struct RateLimit: Sendable {
    let redis: RedisClient
    /// Part of the key: what is counted.
    let name: String
    let perMinute: Int

    /// Throws 429 with `Retry-After` when it is too often.
    ///
    /// - Parameter who: hashed, so that Redis keeps no address and no account.
    func take(_ who: String) async throws {
        let key = "gatehouse:limit:\(name):" + Digest.hex(Digest.sha256(who).prefix(12))
        let wait: Int
        do {
            wait =
                try await redis.evaluate(
                    Self.script,
                    keys: [key],
                    arguments: [.int(60_000 / max(1, perMinute)), .int(60_000)],
                    deadline: .milliseconds(500)
                )
                .int ?? 0
        } catch {
            return
        }
        guard wait > 0 else { return }
        var refusal = ShopError(.tooManyRequests, "Too many requests.")
        refusal.headers[.retryAfter] = String((wait + 999) / 1000)
        throw refusal
    }

    // KEYS[1]  when the bucket would be empty again, ms since 1970
    // ARGV[1]  what one request costs, ms
    // ARGV[2]  what the bucket holds, ms
    // Answers 0, or how many ms to wait. The server's clock counts. (Generic cell rate algorithm.)
    private static let script = RedisScript(
        """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
        local next = full + tonumber(ARGV[1])
        local over = next - now - tonumber(ARGV[2])
        if over > 0 then return over end
        redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', next - now)
        return 0
        """
    )
}
