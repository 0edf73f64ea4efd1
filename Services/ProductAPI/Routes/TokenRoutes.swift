internal import Domain
internal import Foundation
internal import Hummingbird
internal import PayPal
internal import Sealing
internal import Store
internal import Web

/// Bearers for shops, and tokens for the scripts on their pages.
struct TokenRoutes: Sendable {
    let api: ProductAPI

    var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .post("auth/token", use: token)
            .post("auth/client-token", use: clientToken)
            .post("auth/sdk-token", use: sdkToken)
    }

    // MARK: POST /auth/token

    /// A new bearer for `merchant_id:secret` in Basic, good for seven days.
    ///
    /// Earlier ones stay good, the newest fifty of a merchant. Who guesses is limited by address, not by the account that
    /// was named: ids of merchants are public, and nobody shall shut a shop out by its id. Errors: 401 whatever was wrong,
    /// 429.
    @Sendable func token(_ request: Request, _ context: WebContext) async throws -> Response {
        let (payPalID, secret) = try Self.pair(request)
        let limit = RateLimit(redis: api.redis, name: "token", perMinute: api.limits.tokensPerMinute)
        try await limit.take("address " + context.clientAddress)

        let hash = TokenHash(of: secret).bytes
        let merchant = try await api.store.read { [environment = api.environment] tx in
            try tx.merchants(withSecret: hash, in: environment).first { $0.isConnected && $0.payPalID == payPalID }
        }
        guard let merchant else { throw ShopError.unauthorized }
        try await limit.take("account \(merchant.id)")
        let bearer = HexToken.random()
        let now = api.now()
        // Should it leave in this moment: a bearer of one that is not connected opens nothing, and dies when it comes back.
        try await api.store.transaction { tx in
            try tx.insertToken(TokenHash(of: bearer).bytes, of: merchant.id, at: now, until: now + Self.life)
            try tx.trimTokens(of: merchant.id, keeping: 50, at: now)
        }
        return .shop(["access_token": .string(bearer), "expires_in": .number(String(Int(Self.life)))])
    }

    private static let life: TimeInterval = 7 * 86_400

    private static func pair(_ request: Request) throws(ShopError) -> (String, String) {
        guard let text = ProductAPI.credentials(request, scheme: "basic"), text.utf8.count <= 1024,
            let decoded = Data(base64Encoded: text), let pair = String(validating: decoded, as: UTF8.self)
        else { throw .unauthorized }
        let parts = pair.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { throw .unauthorized }
        return (String(parts[0]), String(parts[1]))
    }

    // MARK: POST /auth/client-token

    /// Errors: 401, 429, 503.
    @Sendable func clientToken(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await minting(request)
        let (token, trace) = try await api.payPal.clientToken(of: merchant.payPalID).orUpstream()
        return .shop(
            ["client_token": .string(token.text), "expires_in": .number(String(token.expiresIn))],
            debugID: trace.anyDebugID
        )
    }

    // MARK: POST /auth/sdk-token

    /// Errors: 401, 429, 503.
    @Sendable func sdkToken(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await minting(request)
        let (token, trace) = try await api.payPal.sdkToken(of: merchant.payPalID).orUpstream()
        return .shop(
            ["sdk_client_token": .string(token.text), "expires_in": .number(String(token.expiresIn))],
            debugID: trace.anyDebugID
        )
    }

    private func minting(_ request: Request) async throws -> Merchant {
        let merchant = try await api.merchant(request)
        try await api.limitMinting(merchant)
        return merchant
    }
}

extension ProductAPI {
    /// Each of these asks PayPal for a token, and PayPal limits us all together.
    func limitMinting(_ merchant: Merchant) async throws {
        let limit = RateLimit(redis: redis, name: "browser-token", perMinute: limits.tokensPerMinute * 4)
        try await limit.take("\(merchant.id)")
    }
}
