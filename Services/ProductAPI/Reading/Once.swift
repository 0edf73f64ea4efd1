internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import PayPal
internal import Postgres
internal import Sealing
internal import Store

/// What a request came to: what is answered now, and to every repeat.
struct ShopAnswer: Sendable {
    var status: HTTPResponse.Status = .ok
    var body: JSON
    var debugID: String?
    /// What is written down together with it.
    var keeping: Keeping?
    /// Whether what was begun leads back to it, should it be lost with the power: then it need not be on disk already.
    var isFoundAgain = false

    typealias Keeping = @Sendable (Transaction) throws -> Void

    var response: Response { .shop(body, status, debugID: debugID) }
}

extension ProductAPI {
    /// Runs what a shop asked with a `PayPal-Request-Id`, once however often it asks.
    ///
    /// What was asked is written down before PayPal is called, so a repeat after a crash asks PayPal for the same thing with
    /// the same id; the first good answer is kept, sealed, and given to every repeat, longer than PayPal remembers. The same
    /// id with other parameters is refused: PayPal would silently answer with the first order. A failure that did nothing
    /// frees the id. Source: the document, "Idempotent retries"; the id goes to PayPal as it came.
    func once(
        _ operation: String,
        _ request: Request,
        of merchant: Merchant,
        asked: [UInt8],
        _ body: (CallDetails) async throws -> ShopAnswer
    ) async throws -> Response {
        try await once(operation, request, of: merchant, asked: asked, beginning: nil as Beginning<Void>?) {
            details,
            _ in
            try await body(details)
        }
    }

    /// What must be on disk before PayPal is asked.
    typealias Beginning<Begun> = @Sendable (Transaction) throws -> Begun

    /// The same, after `beginning`, which is committed together with the claim and handed to `body`.
    func once<Begun: Sendable>(
        _ operation: String,
        _ request: Request,
        of merchant: Merchant,
        asked: [UInt8],
        beginning: Beginning<Begun>?,
        _ body: (CallDetails, Begun?) async throws -> ShopAnswer
    ) async throws -> Response {
        guard let key = try Self.requestID(request) else {
            let begun = if let beginning { try await store.transaction(beginning) } else { nil as Begun? }
            let answer = try await body(details(request, requestID: UUID().uuidString.lowercased()), begun)
            if let keeping = answer.keeping { try await store.transaction(keeping) }
            return answer.response
        }
        let work = MerchantWork(merchant: merchant.id, operation: operation, key: key)
        let (claim, begun) = try await claim(work, fingerprint: Digest.sha256(asked), beginning: beginning)
        switch claim {
        case .conflicting:
            throw ShopError(
                .unprocessableContent,
                "This PayPal-Request-Id was used with other parameters.",
                errors: ["Use one PayPal-Request-Id for each operation, and the same parameters in each retry."]
            )
        case .running:
            var busy = ShopError(.serviceUnavailable, "The first request with this PayPal-Request-Id is still running.")
            busy.headers[.retryAfter] = "5"
            busy.isUncertain = true
            throw busy
        case .answered(let status, let sealed, let debugID):
            // Because an answer sealed with a key that is gone is made anew: PayPal, or what we know, tells the same.
            if let bytes = try? sealer.open(sealed, for: work.place) {
                return .shop(bytes: bytes, HTTPResponse.Status(code: status), debugID: debugID)
            }
        case .granted: break
        }
        do {
            let answer = try await body(details(request, requestID: key), begun)
            let sealed = try sealer.seal(answer.body.bytes, for: work.place)
            try await store.transaction { tx in
                try answer.keeping?(tx)
                try tx.settleRequest(
                    work.key,
                    operation: work.operation,
                    of: work.merchant,
                    status: answer.status.code,
                    body: sealed,
                    debugID: answer.debugID,
                    isDurable: !answer.isFoundAgain
                )
            }
            return answer.response
        } catch {
            let didNothing = (error as? ShopError).map { !$0.isUncertain } ?? false
            try await store.transaction { tx in
                if didNothing {
                    try tx.releaseRequest(work.key, operation: work.operation, of: work.merchant)
                } else {
                    try tx.pauseRequest(work.key, operation: work.operation, of: work.merchant)
                }
            }
            throw error
        }
    }

    /// One at a time: who comes second waits, and then runs.
    func alone<Value: Sendable>(_ work: MerchantWork, _ body: () async throws -> Value) async throws -> Value {
        guard
            case .granted = try await claim(work, fingerprint: Digest.sha256([]), beginning: nil as Beginning<Void>?).0
        else {
            var busy = ShopError(.serviceUnavailable, "The same request is still running.")
            busy.headers[.retryAfter] = "5"
            throw busy
        }
        let result: Result<Value, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        try await store.transaction { try $0.releaseRequest(work.key, operation: work.operation, of: work.merchant) }
        return try result.get()
    }

    /// Longer than the longest that one request can take: a capture, a look at the order, some waits.
    private static let longestRun: TimeInterval = 120

    /// A claim alone need not be on disk: who loses it with the power asks PayPal again, with the id that came.
    private func claim<Begun: Sendable>(
        _ work: MerchantWork,
        fingerprint: [UInt8],
        beginning: Beginning<Begun>?
    ) async throws -> (MerchantRequestClaim, Begun?) {
        let deadline = ContinuousClock.now + limits.repeatPatience
        while true {
            let (claim, begun) = try await store.transaction { [now = now()] tx in
                let claim = try tx.claimRequest(
                    work.key,
                    operation: work.operation,
                    of: work.merchant,
                    fingerprint: fingerprint,
                    at: now,
                    runningUntil: now + Self.longestRun,
                    isDurable: beginning != nil
                )
                guard case .granted = claim else { return (claim, nil as Begun?) }
                return (claim, try beginning?(tx))
            }
            guard claim == .running, ContinuousClock.now < deadline else { return (claim, begun) }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// Nil where none was sent. Source: PayPal Orders v2 takes 108 characters at most.
    private static func requestID(_ request: Request) throws(ShopError) -> String? {
        guard let text = request.headers[.payPalRequestID]?.trimmingCharacters(in: .whitespaces), !text.isEmpty else {
            return nil
        }
        guard text.utf8.count <= 108, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ShopError(
                .unprocessableContent,
                "The PayPal-Request-Id is too long or no plain text.",
                errors: ["Send at most 108 characters of ASCII without blanks, such as a UUID."]
            )
        }
        return text
    }
}

/// A request by what makes it the same again.
struct MerchantWork: Sendable {
    var merchant: Merchant.ID
    var operation: String
    var key: String

    /// What its answer is sealed for.
    var place: String { "merchant_requests/\(merchant)/\(operation)/\(key)" }
}
