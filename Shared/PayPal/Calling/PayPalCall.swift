internal import Foundation

/// One request to PayPal, before it is sent.
package struct PayPalCall: Sendable, Hashable {
    package enum Method: String, Sendable, Hashable {
        case get = "GET"
        case post = "POST"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    /// For logs and metrics: the call's name, never an id. `orders.capture`.
    package var name: String
    package var method: Method
    /// With the leading slash; ids in it are escaped by `path`.
    package var path: String
    package var query: [Pair]
    /// Sent as it is, byte for byte.
    package var body: [UInt8]?
    /// The merchant in whose name we call: becomes `PayPal-Auth-Assertion`.
    package var merchant: String?
    /// `PayPal-Request-Id`: the same work asked twice. At most 108 characters on orders.
    package var requestID: String?
    /// `PayPal-Client-Metadata-Id`, cleaned.
    package var clientMetadataID: ClientMetadataID?
    /// Sandbox only: the outcome that PayPal should pretend. Never sent to live. Source: PayPal, "Negative testing".
    package var mockResponse: String?
    package var patience: Patience

    /// How long an answer may take: for capture and refund longer, because banks are asked meanwhile.
    package enum Patience: Sendable, Hashable { case short, long }

    package struct Pair: Sendable, Hashable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(
        _ name: String,
        _ method: Method,
        _ path: String,
        query: [Pair] = [],
        body: JSON? = nil,
        merchant: String? = nil,
        requestID: String? = nil,
        patience: Patience = .short
    ) {
        self.name = name
        self.method = method
        self.path = path
        self.query = query
        self.body = body?.bytes
        self.merchant = merchant
        self.requestID = requestID
        self.patience = patience
    }

    /// The same call with the details that only some callers have.
    package func with(_ details: CallDetails) -> PayPalCall {
        var call = self
        if let requestID = details.requestID { call.requestID = requestID }
        call.clientMetadataID = details.clientMetadataID
        call.mockResponse = details.mockResponse
        return call
    }

    /// Whether a repeat can't do anything twice.
    var isHarmlessTwice: Bool { method == .get || method == .delete }

    /// An id in a path: everything but letters, digits, `-`, `_` and `.` is escaped, and no id leads to another path.
    package static func path(_ parts: String...) -> String {
        "/" + parts.map(escaped).joined(separator: "/")
    }

    package static func escaped(_ text: String) -> String {
        if text.allSatisfy({ $0 == "." }) { return text.map { _ in "%2E" }.joined() }
        var out = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                out.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                out += byte < 16 ? "%0" : "%"
                out += String(byte, radix: 16, uppercase: true)
            }
        }
        return out
    }

    var target: String {
        guard !query.isEmpty else { return path }
        return path + "?"
            + query.map { Self.escaped($0.name) + "=" + Self.escaped($0.value) }.joined(separator: "&")
    }
}

/// What comes with a shop's request and goes on to PayPal.
package struct CallDetails: Sendable, Hashable {
    package var requestID: String?
    package var clientMetadataID: ClientMetadataID?
    package var mockResponse: String?

    package init(
        requestID: String? = nil,
        clientMetadataID: ClientMetadataID? = nil,
        mockResponse: String? = nil
    ) {
        self.requestID = requestID
        self.clientMetadataID = clientMetadataID
        self.mockResponse = mockResponse
    }
}

/// What ties a payment to the device data that the browser sent to PayPal.
package struct ClientMetadataID: Sendable, Hashable {
    package let text: String

    /// Nil, so that it is dropped, for anything but 1 to 64 of `A-Z a-z 0-9 -` between blanks.
    package init?(_ text: String) {
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard (1...64).contains(trimmed.utf8.count),
            trimmed.utf8.allSatisfy({ byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                    true
                default: false
                }
            })
        else { return nil }
        self.text = trimmed
    }
}
