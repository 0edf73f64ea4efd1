internal import Foundation
package import HTTPTypes
package import Hummingbird
internal import NIOCore

/// A failure as the client sees it: a status, a code that never changes, a sentence for people.
///
/// On the wire: `{"error":{"code":"body_too_large","message":"…"}}`. Neither code nor message repeats what was sent.
package struct APIError: HTTPResponseError, Hashable {
    package var status: HTTPResponse.Status
    /// Snake case; part of the contract.
    package var code: String
    package var message: String
    package var headers: HTTPFields

    package init(
        _ status: HTTPResponse.Status,
        _ code: String,
        _ message: String,
        headers: HTTPFields = [:]
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
    }

    package func response(from request: Request, context: some RequestContext) -> Response {
        response
    }

    package var response: Response {
        struct Envelope: Encodable {
            struct Failure: Encodable {
                var code: String
                var message: String
            }
            var error: Failure
        }
        return .json(Envelope(error: .init(code: code, message: message)), status: status, headers: headers)
    }
}

extension APIError {
    /// 503 with `Retry-After`: nothing was kept, the sender may send the same again.
    package static func unavailable(
        _ code: String,
        _ message: String,
        retryAfter: Duration = .seconds(30)
    ) -> APIError {
        APIError(
            .serviceUnavailable,
            code,
            message,
            headers: [.retryAfter: String(max(1, retryAfter.components.seconds))]
        )
    }

    /// Anything that nobody foresaw: says nothing about what went wrong.
    package static var internalError: APIError {
        APIError(.internalServerError, "internal_error", "Something went wrong on our side.")
    }

    /// What Hummingbird itself refuses, such as a path that no route has.
    init(_ error: HTTPError) {
        let reason = error.status.reasonPhrase
        let code = reason.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "_" }
        self.init(error.status, String(code), reason + ".", headers: error.headers)
    }
}

extension Response {
    /// A JSON answer with sorted keys, not to be cached.
    package static func json(
        _ value: some Encodable,
        status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:]
    ) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        guard let body = try? encoder.encode(value) else {
            // Because what we answer is ours: it always encodes, unless a number in it is not finite.
            return Response(status: .internalServerError)
        }
        var headers = headers
        headers[.contentType] = "application/json; charset=utf-8"
        headers[.cacheControl] = "no-store"
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }
}
