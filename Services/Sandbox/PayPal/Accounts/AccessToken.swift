internal import Foundation
internal import HTTPTypes

/// What a client got for its id and secret.
struct AccessToken: Sendable {
    var text: String
    var client: String
    var issuedAt: Date
    var nonce: String
    /// A permission was granted after it was issued, and it does not have it.
    var isStale = false

    /// Nine hours.
    static let life: TimeInterval = 32_400

    func expires(after now: Date) -> Int {
        Int(clamping: Int64(max(0, issuedAt.addingTimeInterval(Self.life).timeIntervalSince(now))))
    }

    static let scopes = [
        "https://uri.paypal.com/services/customer/partner-referrals/readwrite",
        "https://uri.paypal.com/services/customer/merchant-integrations/read",
        "https://uri.paypal.com/services/payments/payment/authcapture",
        "https://uri.paypal.com/services/payments/realtimepayment",
        "https://uri.paypal.com/services/payments/refund",
        "https://uri.paypal.com/services/payments/partnerfee",
        "https://uri.paypal.com/services/vault/payment-tokens/readwrite",
        "https://uri.paypal.com/services/applications/webhooks",
        "https://uri.paypal.com/services/reporting/search/read",
        "openid",
    ]
}

extension Books {
    // MARK: POST /v1/oauth2/token

    /// The same token as long as it lives, with ever fewer seconds left.
    mutating func issueToken(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        guard let client = basicClient(ask) else {
            throw PayPalProblem(
                status: 401,
                name: "invalid_client",
                message: "Client Authentication failed",
                shape: .oauth
            )
        }
        let form = ask.form
        guard form["grant_type"] == "client_credentials" else {
            throw PayPalProblem(
                status: 400,
                name: "unsupported_grant_type",
                message: "Grant Type is NULL or not supported",
                shape: .oauth
            )
        }
        let token = currentToken(of: client)
        var answer = SandboxJSON.of([
            "scope": .string(AccessToken.scopes.joined(separator: " ")),
            "access_token": .string(token.text),
            "token_type": "Bearer",
            "app_id": "APP-80W284485P519543T",
            "expires_in": .whole(token.expires(after: now)),
            "nonce": .string(token.nonce),
        ])
        if form["response_type"] == "id_token" || form["response_type"] == "client_token" {
            answer.set("id_token", .string(idToken(for: client, customer: form["target_customer_id"])))
        }
        return PayPalReply(200, answer)
    }

    private mutating func currentToken(of client: String) -> AccessToken {
        if let token = tokens.values.first(where: { $0.client == client && !$0.isStale && $0.expires(after: now) > 0 })
        {
            return token
        }
        tokens = tokens.filter { $0.value.expires(after: now) > 0 }
        let token = AccessToken(
            text: numbers.accessToken(),
            client: client,
            issuedAt: now,
            nonce: PayPalTime.utc(now) + numbers.secretWord(43)
        )
        tokens[token.text] = token
        return token
    }

    private func basicClient(_ ask: PayPalAsk) -> String? {
        guard let header = ask.headers[.authorization], header.lowercased().hasPrefix("basic "),
            let data = Data(base64Encoded: String(header.dropFirst(6)).trimmingCharacters(in: .whitespaces))
        else { return nil }
        let words = String(decoding: data, as: UTF8.self)
        return words == "\(settings.clientID):\(settings.clientSecret)" ? settings.clientID : nil
    }

    /// In the shape of a JWT; signed by nobody.
    private mutating func idToken(for client: String, customer: String?) -> String {
        let claims = SandboxJSON.of([
            "iss": "https://api.sandbox.paypal.com",
            "aud": .string(client),
            "sub": .string(customer ?? ""),
            "iat": .whole(Int64(now.timeIntervalSince1970)),
            "exp": .whole(Int64(now.timeIntervalSince1970) + 900),
        ])
        return [#"{"alg":"ES256","typ":"JWT"}"#.utf8.map { $0 }, claims.bytes, Array(numbers.secretWord(48).utf8)]
            .map(Base64URL.encoded).joined(separator: ".")
    }

    // MARK: POST /v1/identity/generate-token

    mutating func generateClientToken(_ ask: PayPalAsk) -> PayPalReply {
        let inside = SandboxJSON.of(["paypal": .of(["accessToken": .string(numbers.secretWord(64))])])
        return PayPalReply(
            200,
            .of([
                "client_token": .string(Base64URL.encoded(inside.bytes)),
                "expires_in": .whole(3600),
            ])
        )
    }

    // MARK: Who asks

    /// Finds out who asks and for which merchant.
    mutating func authenticate(_ ask: inout PayPalAsk) throws(PayPalProblem) {
        guard !ask.call.isOpen else { return }
        let refusal = ask.call == .createReferral ? PayPalProblem.noAuthentication : .unknownToken
        guard let header = ask.headers[.authorization], header.lowercased().hasPrefix("bearer "),
            let token = tokens[String(header.dropFirst(7))], token.expires(after: now) > 0
        else { throw refusal }
        guard !token.isStale else { throw .forbidden() }
        ask.client = token.client
        ask.actingFor = try assertedMerchant(ask)
    }

    /// `base64url({"alg":"none"}).base64url({"iss":…,"payer_id":…}).`, padded or not.
    private func assertedMerchant(_ ask: PayPalAsk) throws(PayPalProblem) -> String? {
        guard let assertion = ask.headers[.payPalAuthAssertion], !assertion.isEmpty else { return nil }
        let parts = assertion.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let bytes = Base64URL.decoded(String(parts[1])),
            let claims = try? JSONReader.read(bytes),  // Because an assertion that can't be read is refused below.
            claims["iss"]?.text == ask.client
        else {
            throw PayPalProblem(
                status: 401,
                name: "invalid_token",
                message: "The auth assertion is not valid",
                shape: .oauth
            )
        }
        let payer = claims["payer_id"]?.text ?? merchants.values.first { $0.email == claims["email"]?.text }?.id
        guard let payer, payer == settings.partnerMerchantID || merchants[payer]?.isConnected == true else {
            throw .forbidden()
        }
        return payer
    }

    /// Whose books a call is about: the merchant of the assertion, or the partner.
    func owner(of ask: PayPalAsk) -> String { ask.actingFor ?? settings.partnerMerchantID }
}

enum Base64URL {
    static func encoded(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    static func decoded(_ text: String) -> [UInt8]? {
        var text = text.replacing("-", with: "+").replacing("_", with: "/").replacing("=", with: "")
        text += String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return Data(base64Encoded: text).map { Array($0) }
    }
}
