package import Foundation
internal import Logging

/// An OAuth token of PayPal, and until when it is good.
package struct AccessToken: Sendable, Hashable, Codable {
    package var text: String
    /// When we were given it: it can do what we were allowed then.
    package var issuedAt: Date
    package var expiresAt: Date

    package init(text: String, issuedAt: Date, expiresAt: Date) {
        self.text = text
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
    }
}

extension AccessToken: CustomStringConvertible, CustomReflectable {
    package var description: String { "AccessToken(***)" }
    package var customMirror: Mirror { Mirror(self, children: ["expiresAt": expiresAt]) }
}

/// Where processes share PayPal's token, so that not each of them asks for its own.
///
/// What it can't do it leaves: an outage of it costs a call to PayPal, and nothing else.
package protocol TokenStore: Sendable {
    func token() async -> AccessToken?
    /// Keeps it until it expires.
    func keep(_ token: AccessToken) async
    /// Forgets it, if it still is the one that is kept.
    func forget(_ token: AccessToken) async
}

/// The token of this process: from memory, else from the store, else from PayPal, asked once however many wait.
actor AccessTokens {
    private let store: (any TokenStore)?
    private let fetch: @Sendable () async throws(PayPalOutage) -> AccessToken
    private let now: @Sendable () -> Date
    private var current: AccessToken?
    private var running: Task<Result<AccessToken, PayPalOutage>, Never>?
    /// Asking for tokens is limited, and so is failing at it.
    private var refused: (outage: PayPalOutage, until: Date)?

    /// PayPal's tokens live for nine hours; one that ends within minutes may end on its way.
    private static let margin: TimeInterval = 300
    private static let pauseAfterFailure: TimeInterval = 2
    private static let tooNewToDrop: TimeInterval = 30

    init(
        store: (any TokenStore)?,
        now: @escaping @Sendable () -> Date,
        fetch: @escaping @Sendable () async throws(PayPalOutage) -> AccessToken
    ) {
        self.store = store
        self.now = now
        self.fetch = fetch
    }

    func token() async throws(PayPalOutage) -> AccessToken {
        if let current, isGood(current) { return current }
        if let running { return try await running.value.get() }
        if let refused, now() < refused.until { throw refused.outage }

        let task = Task { await self.renewed() }
        running = task
        let result = await task.value
        running = nil
        switch result {
        case .success(let token):
            current = token
            refused = nil
        case .failure(let outage):
            refused = (outage, now().addingTimeInterval(outage.retryAfter?.inSeconds ?? Self.pauseAfterFailure))
        }
        return try result.get()
    }

    /// PayPal did not take it: an old one, or one from before a scope was granted. False where it is so new that another
    /// would fare no better: who keeps being refused must not keep asking for tokens.
    func drop(_ token: AccessToken) async -> Bool {
        guard now().timeIntervalSince(token.issuedAt) > Self.tooNewToDrop else { return false }
        if current == token { current = nil }
        await store?.forget(token)
        return true
    }

    private func isGood(_ token: AccessToken) -> Bool {
        now().addingTimeInterval(Self.margin) < token.expiresAt
    }

    private func renewed() async -> Result<AccessToken, PayPalOutage> {
        if let shared = await store?.token(), isGood(shared) { return .success(shared) }
        do throws(PayPalOutage) {
            let token = try await fetch()
            await store?.keep(token)
            return .success(token)
        } catch {
            return .failure(error)
        }
    }
}

extension Duration {
    var inSeconds: TimeInterval {
        TimeInterval(components.seconds) + TimeInterval(components.attoseconds) / 1e18
    }
}
