package import AsyncHTTPClient
import Foundation
package import NIOCore
package import NIOHTTP1
package import SandboxPages
import TestKit

/// A pretended PayPal that serves at a free port and delivers its webhooks.
package struct RunningPayPal: Sendable {
    package let sandbox: PayPalSandbox
    /// `http://127.0.0.1:…`: what a client takes for PayPal's address.
    package let address: String

    /// From the start: the partner's application, the partner, and a merchant who is connected.
    package static let clientID = "sandbox-partner"
    package static let clientSecret = "sandbox-partner-secret"
    package static let partner = "SANDBXPARTNR2"
    package static let merchant = "SANDBXMERCH22"

    package struct Answer: Sendable {
        package var status: Int
        package var headers: HTTPHeaders
        package var text: String

        /// Null where the answer is no JSON.
        package var json: SandboxJSON { SandboxJSON.read(text) ?? .null }
        /// The issue of a refusal.
        package var issue: String? { json["details"]?[0]?["issue"]?.text }
        package var id: String { json["id"]?.text ?? "" }

        /// The address of a link.
        package func link(_ rel: String) -> String? {
            json["links"]?.values.first { $0["rel"]?.text == rel }?["href"]?.text
        }
    }

    /// Redirects are looked at, not followed.
    private static let client = HTTPClient(configuration: .init(redirectConfiguration: .disallow))

    /// Asks without saying who asks.
    package func ask(
        _ method: HTTPMethod,
        _ path: String,
        _ body: String? = nil,
        headers: HTTPHeaders = [:],
        timeout: TimeAmount = .seconds(20)
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: path.hasPrefix("http") ? path : address + path)
        request.method = method
        request.headers = headers
        if let body {
            let isJSON = body.hasPrefix("{") || body.hasPrefix("[")
            request.headers.replaceOrAdd(
                name: "Content-Type",
                value: isJSON ? "application/json" : "application/x-www-form-urlencoded"
            )
            request.body = .bytes(ByteBuffer(string: body))
        }
        let response = try await Self.client.execute(request, timeout: timeout)
        let bytes = try await response.body.collect(upTo: 16 << 20)
        return Answer(status: Int(response.status.code), headers: response.headers, text: String(buffer: bytes))
    }

    package func token() async throws -> String {
        let words = Data("\(Self.clientID):\(Self.clientSecret)".utf8).base64EncodedString()
        let answer = try await ask(
            .POST,
            "/v1/oauth2/token",
            "grant_type=client_credentials",
            headers: ["Authorization": "Basic \(words)"]
        )
        return answer.json["access_token"]?.text ?? ""
    }

    /// Asks as the partner, for a merchant where one is named.
    package func call(
        _ method: HTTPMethod,
        _ path: String,
        _ body: String? = nil,
        for merchant: String? = RunningPayPal.merchant,
        requestID: String? = nil,
        headers: HTTPHeaders = [:]
    ) async throws -> Answer {
        var headers = headers
        headers.add(name: "Authorization", value: "Bearer \(try await token())")
        if let merchant { headers.add(name: "PayPal-Auth-Assertion", value: Self.assertion(merchant)) }
        if let requestID { headers.add(name: "PayPal-Request-Id", value: requestID) }
        if headers["Prefer"].isEmpty { headers.add(name: "Prefer", value: "return=representation") }
        return try await ask(method, path, body, headers: headers)
    }

    /// A vault token of a PayPal buyer of the merchant's.
    package func vaultToken(of merchant: String = RunningPayPal.merchant) async throws -> String {
        let setup = try await call(
            .POST,
            "/v3/vault/setup-tokens",
            #"{"payment_source":{"paypal":{"usage_type":"MERCHANT"}}}"#,
            for: merchant
        )
        sandbox.approveSetupToken(setup.id)
        let body = #"{"payment_source":{"token":{"id":"\#(setup.id)","type":"SETUP_TOKEN"}}}"#
        return try await call(.POST, "/v3/vault/payment-tokens", body, for: merchant).id
    }

    package static func assertion(_ merchant: String) -> String {
        let claims = Data(#"{"iss":"\#(clientID)","payer_id":"\#(merchant)"}"#.utf8).base64EncodedString()
        return "eyJhbGciOiJub25lIn0=.\(claims)."
    }
}

/// Runs a pretended PayPal while `body` runs.
package func withPayPal<Result: Sendable>(
    settings: PayPalHabits = PayPalHabits(),
    _ body: @Sendable (RunningPayPal) async throws -> Result
) async throws -> Result {
    let sandbox = PayPalSandbox(settings: settings, logger: CapturedLog().logger)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await sandbox.run() }
        let result = try await sandbox.whileServing { address in
            try await body(RunningPayPal(sandbox: sandbox, address: address))
        }
        group.cancelAll()
        return result
    }
}
