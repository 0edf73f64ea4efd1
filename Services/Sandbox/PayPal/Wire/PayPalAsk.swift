internal import Foundation
internal import HTTPTypes

/// One request to the pretended PayPal.
struct PayPalAsk: Sendable {
    var call: PayPalCall
    /// What stands in the path for `:id`; empty where it has none.
    var id: String
    var partner: String
    var query: [String: String]
    var headers: HTTPFields
    var body: [UInt8]
    /// Where the caller reached us, for links: `http://127.0.0.1:8091`.
    var base: String
    /// When it began, before its body was there.
    var began: ContinuousClock.Instant

    /// What a fault of this request wants to happen to the money.
    var outcome: PayPalFault?
    /// Whom an assertion or, without one, the partner's own token speaks for; set by authentication.
    var client = ""
    var actingFor: String?

    init(
        _ call: PayPalCall,
        id: String = "",
        partner: String = "",
        query: [String: String] = [:],
        headers: HTTPFields = [:],
        body: [UInt8] = [],
        base: String,
        began: ContinuousClock.Instant = .now
    ) {
        self.call = call
        self.id = id
        self.partner = partner
        self.query = query
        self.headers = headers
        self.body = body
        self.base = base
        self.began = began
    }

    var requestID: String? {
        headers[.payPalRequestID].flatMap { $0.isEmpty ? nil : $0 }
    }

    var wantsRepresentation: Bool {
        headers[.prefer]?.replacing(" ", with: "").lowercased().contains("return=representation") ?? false
    }

    /// The body as JSON; an empty one is an empty object.
    func json() throws(PayPalProblem) -> SandboxJSON {
        if body.allSatisfy({ $0 == 0x20 || $0 == 0x0A || $0 == 0x0D }) { return .object([]) }
        do {
            return try JSONReader.read(body)
        } catch {
            throw .invalid("MALFORMED_REQUEST_JSON", field: "/")
        }
    }

    /// The fields of a form body.
    var form: [String: String] {
        PayPalForm.fields(String(decoding: body, as: UTF8.self))
    }

    /// The issue that `PayPal-Mock-Response: {"mock_application_codes":"…"}` asks for.
    ///
    /// Source: PayPal, "Negative testing".
    var mockedIssue: String? {
        guard let header = headers[.payPalMockResponse],
            let json = try? JSONReader.read(Array(header.utf8))  // Because PayPal ignores a header that it can't read.
        else { return nil }
        return json["mock_application_codes"]?.text ?? json["mock_application_codes"]?[0]?.text
    }
}

enum PayPalForm {
    static func fields(_ text: String) -> [String: String] {
        var fields: [String: String] = [:]
        for pair in text.split(separator: "&").prefix(200) {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            fields[decoded(halves[0])] = halves.count > 1 ? decoded(halves[1]) : ""
        }
        return fields
    }

    private static func decoded(_ text: Substring) -> String {
        let blanks = String(text.replacing("+", with: " "))
        return blanks.removingPercentEncoding ?? blanks
    }

    /// For a query: nothing but letters, digits and `-._~` stays as it is.
    static func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .init(charactersIn: unreserved)) ?? ""
    }

    private static let unreserved = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"

    /// An address with one more pair in its query.
    static func adding(_ pairs: [(String, String)], to url: String) -> String {
        let query = pairs.map { "\($0)=\(encoded($1))" }.joined(separator: "&")
        return url + (url.contains("?") ? "&" : "?") + query
    }
}

extension HTTPField.Name {
    static var payPalRequestID: Self { Self("PayPal-Request-Id")! }
    static var payPalAuthAssertion: Self { Self("PayPal-Auth-Assertion")! }
    static var payPalMockResponse: Self { Self("PayPal-Mock-Response")! }
    static var payPalDebugID: Self { Self("PayPal-Debug-Id")! }
    static var payPalAttribution: Self { Self("PayPal-Partner-Attribution-Id")! }
    static var payPalMetadataID: Self { Self("PayPal-Client-Metadata-Id")! }
    static var prefer: Self { Self("Prefer")! }
}
