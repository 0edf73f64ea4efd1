internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import PayPal
internal import Sealing
internal import Store
internal import Web

/// Connecting a shop: send the seller to PayPal, then take the shop in once PayPal says that it is the one.
struct OnboardingRoutes: Sendable {
    let api: ProductAPI

    var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .post("onboarding/start", use: start)
            .post("onboarding/complete", use: complete)
    }

    // MARK: POST /onboarding/start

    /// Answers the address at PayPal where the seller approves, and until when it is good.
    ///
    /// Nothing is kept: an abandoned onboarding leaves nothing behind. Errors: 422 with fields, 429, 503.
    @Sendable func start(_ request: Request, _ context: WebContext) async throws -> Response {
        try await limit(context)
        var fields = Fields(try await api.json(request))
        let secret = fields.secret()
        let siteURL = fields.siteURL("site_url")
        try fields.check()
        guard let secret, let siteURL else { throw ShopError(fields: []) }

        let (url, trace) = try await api.payPal
            .createReferral(Referral.document(trackingID: secret, returnURL: siteURL))
            .orUpstream()
        // Because PayPal does not say how long the address is good, a time is said that is surely shorter.
        let end = Int64(api.now().timeIntervalSince1970) + Self.referralLife
        return .shop(["url": .string(url), "expires_in": .number(String(end))], debugID: trace.anyDebugID)
    }

    private static let referralLife: Int64 = 3 * 3600

    // MARK: POST /onboarding/complete

    /// Connects the shop, if PayPal says that the secret is the one the account was connected with.
    ///
    /// 200 with all credentials; 202 `{"status": "pending"}` while PayPal has yet to make the integration: then the claim is
    /// parked and opens nothing, and PayPal's event or the next call completes it. Safe to repeat. Errors: 422 and nothing
    /// changed when the secret belongs to another account, 422 with fields, 429, 503.
    @Sendable func complete(_ request: Request, _ context: WebContext) async throws -> Response {
        try await limit(context)
        var fields = Fields(try await api.json(request))
        let secret = fields.secret()
        let payPalID = fields.payPalID("merchant_id")
        let siteURL = fields.siteURL("site_url")
        let webhooksURL = fields.webhooksURL("webhooks_url", rules: api.rules)
        _ = fields.optionalText("referral_token")  // the seller's browser carried it; PayPal is asked instead
        try fields.check()
        guard let secret, let payPalID, let siteURL else { throw ShopError(fields: []) }
        let claim = MerchantClaim(
            environment: api.environment,
            payPalID: payPalID,
            secretHash: TokenHash(of: secret).bytes,
            siteURL: siteURL,
            webhooksURL: webhooksURL
        )
        switch try await binding(of: secret, to: payPalID) {
        case .confirmed(let integration, let trace):
            return try await connect(claim, integration, trace, context)
        case .unknownYet(let trace):
            try await api.store.transaction { [now = api.now()] in try $0.parkMerchant(claim, at: now) }
            return .shop(["status": "pending"], .accepted, debugID: trace.anyDebugID)
        case .refuted(let trace):
            context.logger.notice("an onboarding was refused: the secret is not the account's")
            throw ShopError(
                .unprocessableContent,
                "The secret does not belong to this PayPal account.",
                debugID: trace.anyDebugID
            )
        }
    }

    private enum Binding {
        case confirmed(IntegrationAnswer, PayPalTrace)
        /// PayPal knows neither the secret nor the account: a fresh onboarding takes some seconds.
        case unknownYet(PayPalTrace)
        case refuted(PayPalTrace)
    }

    /// Asks PayPal whose tracking id the secret is, a few times while it knows nobody.
    ///
    /// An account that PayPal knows under another tracking id only is refuted, not pending: else whoever knows a merchant's
    /// public id could park claims on it.
    private func binding(of secret: String, to payPalID: String) async throws -> Binding {
        var trace = PayPalTrace()
        for attempt in 1...max(1, api.limits.integrationTries) {
            switch await api.payPal.integration(trackingID: secret) {
            case .answered(let integration, let answered):
                guard let found = integration.merchantID else {
                    trace = answered
                    break
                }
                guard found == payPalID else { return .refuted(answered) }
                return .confirmed(try await whole(integration, payPalID), answered)
            case .rejected(let rejection) where rejection.status == 404: trace = rejection.trace
            case .rejected(let rejection): throw ShopError.upstream(rejection)
            case .unavailable(let outage), .unknown(let outage): throw ShopError.upstream(outage)
            }
            if attempt < api.limits.integrationTries { try await Task.sleep(for: api.limits.integrationPause) }
        }
        switch await api.payPal.integration(merchant: payPalID) {
        case .answered(let integration, let answered):
            return integration.trackingID == secret && integration.merchantID == payPalID
                ? .confirmed(integration, answered) : .refuted(answered)
        case .rejected(let rejection) where rejection.status == 404: return .unknownYet(trace)
        case .rejected(let rejection): throw ShopError.upstream(rejection)
        case .unavailable(let outage), .unknown(let outage): throw ShopError.upstream(outage)
        }
    }

    /// PayPal's search by tracking id answers no more than ids; the account itself has the rest.
    private func whole(_ found: IntegrationAnswer, _ payPalID: String) async throws -> IntegrationAnswer {
        if found.country != nil { return found }
        return await api.payPal.integration(merchant: payPalID).value ?? found
    }

    private func connect(
        _ claim: MerchantClaim,
        _ integration: IntegrationAnswer,
        _ trace: PayPalTrace,
        _ context: WebContext
    ) async throws -> Response {
        var claim = claim
        claim.profile = Merchant.Profile(integration, at: api.now())
        let connection = try await api.store.transaction { [claim, now = api.now()] tx in
            try tx.connectMerchant(claim, newSecret: { try api.newWebhookSecret(for: $0) }, at: now)
        }
        guard case .connected(let merchant) = connection else {
            throw ShopError(
                .unprocessableContent,
                "The secret is in use by another site of this account.",
                errors: ["Generate a new secret for each site and start the onboarding again."]
            )
        }
        context.logger.info("merchant connected", metadata: ["merchant": "\(merchant.id)"])
        let credentials = try await api.credentials(of: merchant)
        var body: JSON = ["env": .string(api.environment.rawValue)]
        for member in credentials.body.members where member.name != "webhook_secret" {
            body = body.setting(member.name, member.value)
        }
        body = body.setting("country", JSON(merchant.profile.country))
            .setting("webhook_secret", credentials.body["webhook_secret"])
        return .shop(body, debugID: credentials.debugID ?? trace.anyDebugID)
    }

    /// Anybody may call these two: both make us call PayPal.
    private func limit(_ context: WebContext) async throws {
        let limit = RateLimit(redis: api.redis, name: "onboarding", perMinute: api.limits.onboardingsPerMinute)
        try await limit.take(context.clientAddress)
    }
}

extension Fields {
    /// The shop's secret. It is kept unsalted, so it must be long; PayPal takes 127 characters of a tracking id.
    mutating func secret() -> String? {
        guard let secret = text("secret", upTo: 127) else { return nil }
        guard secret.utf8.count >= 32, secret.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            complain("secret", "The secret field must be at least 32 characters without blanks.")
            return nil
        }
        return secret
    }

    mutating func payPalID(_ name: String) -> String? {
        guard let text = text(name, upTo: 20) else { return nil }
        guard text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) }) else {
            complain(name, "The \(name) field must be a PayPal merchant id.")
            return nil
        }
        return text
    }
}

extension ProductAPI {
    /// 64 hex digits, which are the key as they stand; sealed for the merchant.
    func newWebhookSecret(for id: Merchant.ID) throws -> [UInt8] {
        try sealer.seal(HexToken.random(), for: Merchant.place(ofSecretOf: id))
    }
}
