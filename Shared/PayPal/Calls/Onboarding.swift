package import Domain
package import Foundation

/// What PayPal says of a seller who gave us consent, or is about to.
package struct IntegrationAnswer: Sendable, Hashable {
    package var json: JSON

    /// PayPal's id of the account; nil while PayPal has not made the integration.
    package var merchantID: String? { json["merchant_id"].string }
    package var trackingID: String? { json["tracking_id"].string }
    package var country: String? { json["country"].string }
    package var legalName: String? { json["legal_name"].string }
    package var primaryEmail: String? { json["primary_email"].string }
    package var primaryCurrency: String? { json["primary_currency"].string }
    package var paymentsReceivable: Bool { json["payments_receivable"].bool ?? false }
    package var primaryEmailConfirmed: Bool { json["primary_email_confirmed"].bool ?? false }
}

extension PayPalClient {
    /// Begins an onboarding; answers the address that the seller is sent to.
    ///
    /// - Parameter referral: the document of PayPal's partner referrals v2.
    package func createReferral(_ referral: JSON) async -> PayPalReply<String> {
        await send(PayPalCall("referrals.create", .post, "/v2/customer/partner-referrals", body: referral))
            .reading { answer in
                answer.json?["links"].array.first { $0["rel"].string == "action_url" }?["href"].string
            }
    }

    /// The account that the seller with the tracking id connected. A fresh one may be 404 for some seconds.
    package func integration(trackingID: String) async -> PayPalReply<IntegrationAnswer> {
        await send(
            PayPalCall(
                "integrations.find",
                .get,
                integrations(),
                query: [.init("tracking_id", trackingID)]
            )
        )
        .reading { $0.json.map(IntegrationAnswer.init) }
    }

    package func integration(merchant: String) async -> PayPalReply<IntegrationAnswer> {
        await send(PayPalCall("integrations.get", .get, integrations(merchant)))
            .reading { $0.json.map(IntegrationAnswer.init) }
    }

    private func integrations(_ merchant: String? = nil) -> String {
        let partner = "/v1/customer/partners" + PayPalCall.path(settings.partnerMerchantID, "merchant-integrations")
        return merchant.map { partner + PayPalCall.path($0) } ?? partner
    }

    // MARK: Tokens for browsers

    /// A token for PayPal's scripts, and the seconds that it lives.
    package struct BrowserToken: Sendable, Hashable {
        package var text: String
        package var expiresIn: Int

        package init(text: String, expiresIn: Int) {
            self.text = text
            self.expiresIn = expiresIn
        }
    }

    /// The classic client token. Source: PayPal, `POST /v1/identity/generate-token`.
    package func clientToken(of merchant: String, customerID: String? = nil) async -> PayPalReply<BrowserToken> {
        let body: JSON = ["customer_id": JSON(customerID)]
        return await send(
            PayPalCall(
                "identity.generate-token",
                .post,
                "/v1/identity/generate-token",
                body: body.compacted,
                merchant: merchant
            )
        )
        .reading { answer in
            guard let text = answer.json?["client_token"].string, let seconds = answer.json?["expires_in"].int
            else { return nil }
            return BrowserToken(text: text, expiresIn: seconds)
        }
    }

    /// The token that PayPal's v6 script starts with: an access token of few rights. Lives a quarter of an hour.
    package func sdkToken(of merchant: String) async -> PayPalReply<BrowserToken> {
        await browserToken(
            "grant_type=client_credentials&response_type=client_token&intent=sdk_init",
            of: merchant
        ) { $0["access_token"].string }
    }

    /// The token by which PayPal's script knows a returning buyer.
    package func idToken(of merchant: String, customerID: String? = nil) async -> PayPalReply<BrowserToken> {
        let customer = customerID.map { "&target_customer_id=" + PayPalCall.escaped($0) } ?? ""
        return await browserToken("grant_type=client_credentials&response_type=id_token" + customer, of: merchant) {
            $0["id_token"].string
        }
    }

    private func browserToken(
        _ form: String,
        of merchant: String,
        _ read: (JSON) -> String?
    ) async -> PayPalReply<BrowserToken> {
        do throws(PayPalOutage) {
            let answer = try await wire.tokenAnswer(form, merchant: merchant)
            guard let json = answer.json, let text = read(json), let seconds = json["expires_in"].int else {
                return .unavailable(PayPalOutage(.unreadableAnswer, trace: answer.trace))
            }
            return .answered(BrowserToken(text: text, expiresIn: seconds), answer.trace)
        } catch {
            return .unavailable(error)
        }
    }
}

extension Merchant.Profile {
    /// What is worth keeping of it; never the person behind it.
    package init(_ integration: IntegrationAnswer, at now: Date) {
        var capabilities: [String: String] = [:]
        for capability in integration.json["capabilities"].array {
            guard let name = capability["name"].string else { continue }
            capabilities[name] = capability["status"].string ?? ""
        }
        self.init(
            country: integration.country,
            primaryCurrency: integration.primaryCurrency,
            paymentsReceivable: integration.paymentsReceivable,
            primaryEmailConfirmed: integration.primaryEmailConfirmed,
            capabilities: capabilities,
            seenAt: now
        )
    }
}
