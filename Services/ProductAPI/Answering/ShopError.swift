internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import PayPal
internal import Web

/// A failure as a shop sees it, in one of the three shapes of the document.
///
/// - `{"error": "…", "status": 404}`, with `errors: ["…"]` where there is a list of things to mend;
/// - `{"message": "…", "errors": {"field": ["…"]}}` for fields that are missing or bad, without `error`;
/// - `{"error": {"code", "paypal_issue", "message", "debug_id"}}` for refunds.
///
/// Nothing that PayPal wrote for people is ever in one.
package struct ShopError: Error {
    var status: HTTPResponse.Status
    var body: JSON
    var headers: HTTPFields = [:]
    var debugID: String?
    /// Whether the request may have done something all the same.
    var isUncertain = false

    /// - Parameter more: members beside the envelope's.
    init(
        _ status: HTTPResponse.Status,
        _ text: String,
        errors: [String] = [],
        more: [(String, JSON)] = [],
        debugID: String? = nil
    ) {
        self.status = status
        self.debugID = debugID
        body = ["error": .string(text), "status": .number(String(status.code))]
        if !errors.isEmpty { body = body.setting("errors", .array(errors.map(JSON.string))) }
        for (name, value) in more { body = body.setting(name, value) }
    }

    /// Fields that are missing or bad.
    init(fields: [(name: String, text: String)]) {
        status = .unprocessableContent
        var errors: [JSON.Member] = []
        for (name, text) in fields {
            if let index = errors.firstIndex(where: { $0.name == name }) {
                errors[index].value = .array(errors[index].value.array + [.string(text)])
            } else {
                errors.append(JSON.Member(name, [.string(text)]))
            }
        }
        let first = fields.first?.text ?? "The given data was invalid."
        let others = fields.count - 1
        let more = others > 0 ? " (and \(others) more \(others == 1 ? "error" : "errors"))" : ""
        body = ["message": .string(first + more), "errors": .object(errors)]
    }

    init(_ failure: RefundFailure) {
        status = failure.status
        debugID = failure.debugID
        isUncertain = failure.isUncertain
        body = [
            "error": [
                "code": .string(failure.code.rawValue), "paypal_issue": JSON(failure.issue),
                "message": .string(failure.code.message), "debug_id": JSON(failure.debugID),
            ]
        ]
    }

    static let unauthorized: ShopError = {
        var error = ShopError(.unauthorized, "The access token is missing, invalid or expired.")
        error.headers[.wwwAuthenticate] = "Bearer"
        return error
    }()

    static func notFound(_ what: String) -> ShopError { ShopError(.notFound, "\(what) not found.") }

    /// PayPal answered with what somebody else, or the same shop for something else, has made with this id.
    ///
    /// - Parameter noun: what a new id is for.
    static func usedRequestID(for noun: String, debugID: String?) -> ShopError {
        ShopError(
            .unprocessableContent,
            "This PayPal-Request-Id was used before.",
            errors: ["Use a new PayPal-Request-Id for a new \(noun)."],
            debugID: debugID
        )
    }

    // MARK: PayPal's side

    /// PayPal refused, broke, or was not reached.
    static func upstream(_ trace: PayPalTrace, retryAfter: Duration? = nil) -> ShopError {
        var error = ShopError(.serviceUnavailable, "Upstream PayPal error", debugID: trace.anyDebugID)
        if let retryAfter { error.headers[.retryAfter] = String(max(1, retryAfter.components.seconds)) }
        return error
    }

    static func upstream(_ outage: PayPalOutage, isUncertain: Bool = false) -> ShopError {
        var error = upstream(outage.trace, retryAfter: outage.retryAfter)
        error.isUncertain = isUncertain
        return error
    }

    static func upstream(_ rejection: PayPalRejection) -> ShopError { upstream(rejection.trace) }
}

extension ShopError {
    var response: Response { .shop(body, status, debugID: debugID, headers: headers) }
}

extension PayPalReply {
    /// The value, or what the shop is told instead.
    func orUpstream() throws(ShopError) -> (Value, PayPalTrace) {
        switch self {
        case .answered(let value, let trace): return (value, trace)
        case .rejected(let rejection): throw .upstream(rejection)
        case .unavailable(let outage): throw .upstream(outage)
        case .unknown(let outage): throw .upstream(outage, isUncertain: true)
        }
    }
}

extension Response {
    /// A JSON answer, not to be cached, with the id that support asks for.
    static func shop(
        _ body: JSON,
        _ status: HTTPResponse.Status = .ok,
        debugID: String? = nil,
        headers: HTTPFields = [:]
    ) -> Response {
        shop(bytes: body.bytes, status, debugID: debugID, headers: headers)
    }

    static func shop(
        bytes: [UInt8],
        _ status: HTTPResponse.Status,
        debugID: String?,
        headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = "application/json; charset=utf-8"
        headers[.cacheControl] = "no-store"
        if let debugID { headers[.payPalDebugID] = debugID }
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

extension HTTPField.Name {
    // Because the literals are tokens, none of them is ever nil.
    static let payPalDebugID = HTTPField.Name("paypal-debug-id")!
    static let payPalRequestID = HTTPField.Name("PayPal-Request-Id")!
    static let payPalMetadataID = HTTPField.Name("PayPal-Client-Metadata-Id")!
    static let payPalMockResponse = HTTPField.Name("PayPal-Mock-Response")!
}
