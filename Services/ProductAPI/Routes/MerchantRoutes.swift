internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import PayPal
internal import Sealing
internal import Store
internal import Web

/// The merchant's own record: what PayPal says of it, its credentials, its addresses, its leaving.
struct MerchantRoutes: Sendable {
    let api: ProductAPI

    var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .get("merchant", use: merchant)
            .get("merchant/credentials", use: credentials)
            .patch("merchant", use: update)
            .delete("merchant", use: disconnect)
    }

    // MARK: GET /merchant

    /// PayPal's record of the account, with `env` and `capabilities_summary` added.
    ///
    /// Errors: 401, 503.
    @Sendable func merchant(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await api.merchant(request)
        let (integration, trace) = try await api.payPal.integration(merchant: merchant.payPalID).orUpstream()
        let profile = Merchant.Profile(integration, at: api.now())
        try await api.store.transaction { try $0.saveProfile(profile, of: merchant.id) }
        return .shop(record(integration, merchant), debugID: trace.anyDebugID)
    }

    private func record(_ integration: IntegrationAnswer, _ merchant: Merchant) -> JSON {
        let json = integration.json
        // Because an account may connect several sites, and the tracking id that PayPal tells may be the secret of another:
        // only the merchant's own is said.
        let isOwn = integration.trackingID.map { TokenHash(of: $0).bytes == merchant.secretHash } ?? false
        var record: JSON = [
            "env": .string(api.environment.rawValue),
            "merchant_id": .string(merchant.payPalID),
            "tracking_id": isOwn ? json["tracking_id"] : .null,
            "country": JSON(integration.country),
            "legal_name": JSON(integration.legalName),
            "primary_email": JSON(integration.primaryEmail),
            "primary_currency": JSON(integration.primaryCurrency),
            "primary_email_confirmed": .bool(integration.primaryEmailConfirmed),
            "payments_receivable": .bool(integration.paymentsReceivable),
            "capabilities": .array(json["capabilities"].array),
            "products": .array(json["products"].array.map(Self.withStatus)),
            "capabilities_summary": CapabilitiesSummary(json["capabilities"]).json,
            "oauth_integrations": .array(json["oauth_integrations"].array),
        ]
        for member in json.members where record[member.name].isNull && member.name != "tracking_id" {
            record = record.setting(member.name, member.value)
        }
        return record
    }

    /// PayPal calls the state of most products `vetting_status`; shops look for `status`.
    private static func withStatus(_ product: JSON) -> JSON {
        product["status"].isNull ? product.setting("status", product["vetting_status"]) : product
    }

    // MARK: GET /merchant/credentials

    /// Fresh tokens for the scripts of PayPal, and the webhook secret. A token that PayPal would not give is empty.
    ///
    /// Errors: 401, 429.
    @Sendable func credentials(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await api.merchant(request)
        try await api.limitMinting(merchant)
        return try await api.credentials(of: merchant).response
    }

    // MARK: PATCH /merchant

    /// Changes `license_key` and `webhooks_url`, whichever is there; null or empty takes one away.
    ///
    /// A `webhooks_url` that was switched off for failing is on again once it is named, changed or not.
    ///
    /// Errors: 401, 422 with fields.
    @Sendable func update(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await api.merchant(request)
        let body = try await api.json(request)
        var fields = Fields(body)
        let licenseKey = fields.optionalText("license_key", upTo: 255)
        let webhooksURL = fields.webhooksURL("webhooks_url", rules: api.rules)
        try fields.check()
        let names = Set(body.members.map(\.name))
        try await api.store.transaction { [now = api.now()] tx in
            guard var current = try tx.lockedMerchant(merchant.id), current.isConnected else {
                throw ShopError.unauthorized
            }
            if names.contains("license_key") { current.licenseKey = licenseKey }
            if names.contains("webhooks_url") { current.webhooksURL = webhooksURL }
            try tx.update(current)
            if webhooksURL != nil { try tx.reviveEndpoint(of: current.id, at: now) }
        }
        return .shop(["success": true])
    }

    // MARK: DELETE /merchant

    /// The merchant leaves: its bearers are dead and its subscriptions end with the period that is paid, all at once.
    ///
    /// No revoke is told: buyers keep what they paid for. Errors: 401, also for a second time.
    @Sendable func disconnect(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await api.merchant(request)
        try await api.store.transaction { [now = api.now()] in _ = try $0.disconnect(merchant.id, at: now) }
        context.logger.info("merchant disconnected", metadata: ["merchant": "\(merchant.id)"])
        return .shop(["success": true])
    }
}

extension ProductAPI {
    /// What the scripts on a checkout page need, and what forwards are verified with.
    func credentials(of merchant: Merchant) async throws -> ShopAnswer {
        async let clientReply = payPal.clientToken(of: merchant.payPalID)
        async let sdkReply = payPal.sdkToken(of: merchant.payPalID)
        let (client, sdk) = await (clientReply, sdkReply)
        guard let sealed = try await store.read({ try $0.webhookSecret(of: merchant.id) }) else {
            throw ShopError.unauthorized
        }
        let secret = try sealer.openText(sealed, for: Merchant.place(ofSecretOf: merchant.id))
        return ShopAnswer(
            body: [
                "client_id": .string(payPal.settings.clientID),
                "partner_merchant_id": .string(payPal.settings.partnerMerchantID),
                "client_token": .string(client.value?.text ?? ""),
                "client_token_expires_in": .number(String(client.value?.expiresIn ?? 0)),
                "sdk_client_token": .string(sdk.value?.text ?? ""),
                "sdk_client_token_expires_in": .number(String(sdk.value?.expiresIn ?? 0)),
                "webhook_secret": .string(secret),
            ],
            // Where one failed it is that one whose id support asks for.
            debugID: sdk.value == nil ? sdk.trace.anyDebugID : client.trace.anyDebugID ?? sdk.trace.anyDebugID
        )
    }
}
