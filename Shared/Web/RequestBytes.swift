package import Hummingbird
internal import NIOCore
internal import NIOHTTP1

extension Request {
    /// The whole body as it came, at most `limit` bytes.
    ///
    /// What is too large by its own words is refused unread. Memory grows with what arrives, never with what is announced.
    /// Errors: 413 `body_too_large`, 408 `body_too_slow`, 400 `body_incomplete`, 415 `body_encoded`.
    package func bytes(limit: Int) async throws(APIError) -> [UInt8] {
        if let encoding = headers[.contentEncoding], encoding.lowercased() != "identity" {
            throw APIError(.unsupportedMediaType, "body_encoded", "Send the body without Content-Encoding.")
        }
        let announced = headers[.contentLength].flatMap { Int($0) }
        if let announced, announced > limit { throw .bodyTooLarge(limit: limit) }

        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(announced ?? 0, 16 << 10))
        do {
            for try await part in body {
                guard part.readableBytes <= limit - bytes.count else { throw APIError.bodyTooLarge(limit: limit) }
                bytes.append(contentsOf: part.readableBytesView)
            }
        } catch {
            throw APIError(reading: error)
        }
        // Because the stream also ends where the client hung up, and half a form can look like a whole one.
        if let announced, announced != bytes.count { throw .bodyIncomplete }
        return bytes
    }
}

extension APIError {
    static func bodyTooLarge(limit: Int) -> APIError {
        APIError(.contentTooLarge, "body_too_large", "The body is larger than \(limit) bytes.")
    }

    static let bodyIncomplete = APIError(.badRequest, "body_incomplete", "The body ended early.")

    /// What reading a body threw, as an answer.
    init(reading error: any Error) {
        switch error {
        case let error as APIError: self = error
        case ConnectionGuard.Failure.bodyTooSlow:
            self = APIError(.requestTimeout, "body_too_slow", "The body took too long to arrive.")
        case is HTTPParserError, is ConnectionGuard.Failure: self = .bodyIncomplete
        default: self = .bodyIncomplete  // the connection broke; nobody will read this
        }
    }
}
