internal import Foundation

/// An invitation to a merchant to connect.
struct Referral: Sendable {
    var token: String
    var trackingID: String
    var returnURL: String?
    var data: SandboxJSON
    /// Who took it.
    var merchant: String?
}

extension Books {
    // MARK: POST /v2/customer/partner-referrals

    mutating func createReferral(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        let json = try ask.json()
        guard !json["operations", default: []].values.isEmpty else {
            throw .invalid("INVALID_ARRAY_LENGTH", field: "/operations")
        }
        guard !json["products", default: []].values.isEmpty || json["business_entity"] != nil else {
            throw .invalid("INVALID_ARRAY_LENGTH", field: "/products")
        }
        let tracking = json["tracking_id"]?.text
        guard (tracking?.utf8.count ?? 0) <= 127 else {
            throw .invalid("INVALID_STRING_LENGTH", field: "/tracking_id")
        }
        let referral = Referral(
            token: Base64URL.encoded(Array(numbers.secretWord(60).utf8)),
            trackingID: tracking ?? numbers.secretWord(16),
            returnURL: json.at("partner_config_override", "return_url")?.text,
            data: json
        )
        referrals.add(referral, id: referral.token)
        return PayPalReply(201, .of(["links": .array(referralLinks(referral, ask.base))]))
    }

    private func referralLinks(_ referral: Referral, _ base: String) -> [SandboxJSON] {
        [
            .of([
                "href": .string("\(base)/v2/customer/partner-referrals/\(referral.token)"),
                "rel": "self",
                "method": "GET",
                "description": "Read Referral Data shared by the Caller.",
            ]),
            .of([
                "href": .string("\(base)/bizsignup/partner/entry?referralToken=\(referral.token)"),
                "rel": "action_url",
                "method": "GET",
                "description":
                    "Target WEB REDIRECT URL for the next action. Customer should be redirected to this URL in the browser.",
            ]),
        ]
    }

    // MARK: GET /v2/customer/partner-referrals/{id}

    func showReferral(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        guard let referral = referrals[ask.id] else { throw .unknown() }
        return PayPalReply(
            200,
            .of([
                "partner_referral_id": .string(referral.token),
                "submitter_payer_id": .string(settings.partnerMerchantID),
                "referral_data": referral.data,
                "links": .array(referralLinks(referral, ask.base)),
            ])
        )
    }

    // MARK: The merchant's side

    /// The merchant signs in and agrees; answers where the browser goes.
    ///
    /// - Parameter merchant: an account that exists; a new one where none is given.
    mutating func approveReferral(_ token: String, merchant id: String?, country: String?, email: String?) -> String? {
        guard let referral = referrals[token] else { return nil }
        let id = id.flatMap { $0.isEmpty ? nil : $0 } ?? numbers.account()
        var merchant = merchants[id] ?? PayPalMerchant(id: id, email: "merchant-\(id.lowercased())@example.com")
        merchant.trackingID = referral.trackingID
        merchant.isConnected = true
        merchant.isProvisioned = false
        if let country, !country.isEmpty { merchant.country = country.uppercased() }
        if let email, !email.isEmpty { merchant.email = email }
        merchants[id] = merchant
        referrals[token]?.merchant = id
        if settings.provisioningSeconds > 0 {
            later.add(.provision(id), at: now.addingTimeInterval(settings.provisioningSeconds))
        } else {
            provision(id)
        }
        return PayPalForm.adding(
            [
                ("merchantId", referral.trackingID), ("merchantIdInPayPal", id), ("permissionsGranted", "true"),
                ("consentStatus", "true"), ("productIntentId", "addipmt"),
                ("isEmailConfirmed", merchant.isEmailConfirmed ? "true" : "false"),
                ("accountStatus", "BUSINESS_ACCOUNT"), ("riskStatus", "SUBSCRIBED_WITH_ALL_FEATURES"),
            ],
            to: referral.returnURL ?? "\(base)/"
        )
    }

    /// The merchant says no; answers where the browser goes.
    func declineReferral(_ token: String) -> String? {
        guard let referral = referrals[token] else { return nil }
        return PayPalForm.adding(
            [
                ("merchantId", referral.trackingID), ("permissionsGranted", "false"), ("consentStatus", "false"),
                ("returnMessage", "The merchant did not agree."),
            ],
            to: referral.returnURL ?? "\(base)/"
        )
    }
}

extension SandboxJSON {
    subscript(name: String, default other: SandboxJSON) -> SandboxJSON { self[name] ?? other }
}
