internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import PayPal
internal import Sealing
internal import Store
internal import Web

extension ProductAPI {
    /// Large enough for any order, small enough for anybody to send.
    static let bodyLimit = 256 << 10

    /// The body as JSON; an empty one is `{}`.
    func json(_ request: Request) async throws -> JSON {
        let bytes = try await request.bytes(limit: Self.bodyLimit)
        if bytes.allSatisfy({ " \t\r\n".utf8.contains($0) }) { return .object([]) }
        // Because PayPal may take a NUL, and then we could not write down what it made of it.
        guard let json = JSON(parsing: bytes), case .object = json, !json.holdsNUL else {
            throw ShopError(
                .unprocessableContent,
                "The body is not a JSON object.",
                errors: ["Send one JSON object in UTF-8, no name twice, no U+0000, not nested deeper than 64."]
            )
        }
        return json
    }

    /// The connected merchant whose bearer came with the request.
    func merchant(_ request: Request) async throws -> Merchant {
        guard let bearer = Self.credentials(request, scheme: "bearer"), bearer.utf8.count <= 256 else {
            throw ShopError.unauthorized
        }
        let hash = TokenHash(of: bearer).bytes
        let found = try await store.read { [now = now()] in try $0.merchant(ofToken: hash, at: now) }
        guard let found, found.environment == environment else { throw ShopError.unauthorized }
        return found
    }

    /// What stands behind the scheme's name, which may be spelled either way. Source: RFC 9110, 11.1.
    static func credentials(_ request: Request, scheme: String) -> String? {
        guard let header = request.headers[.authorization] else { return nil }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == scheme else { return nil }
        return parts[1].trimmingCharacters(in: .whitespaces)
    }

    /// An id from the path, as PayPal's are.
    ///
    /// Anything else can't exist, so it is not found, and never reaches PayPal's paths.
    static func id(_ name: String, _ context: WebContext) -> String? {
        guard let text = context.parameters.get(name), (1...64).contains(text.utf8.count),
            text.utf8.allSatisfy({ byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            })
        else { return nil }
        return text
    }

    /// What comes with a request and goes on to PayPal.
    ///
    /// A metadata id that is no id is dropped: no order should fail for a fraud hint. The mock header never gets to live.
    func details(_ request: Request, requestID: String) -> CallDetails {
        CallDetails(
            requestID: requestID,
            clientMetadataID: request.headers[.payPalMetadataID].flatMap(ClientMetadataID.init),
            mockResponse: environment == .sandbox ? request.headers[.payPalMockResponse] : nil
        )
    }
}
