package import Foundation

/// What other shops would have got: every webhook that came, and how the next ones are answered.
package actor HookInbox {
    /// How a delivery is answered.
    package enum Manner: String, Sendable, Hashable, Codable, CaseIterable {
        /// 200, or 401 when it does not prove itself.
        case verify
        /// 500.
        case fail
        /// Not at all.
        case hang
        /// 307 to another path of ours, where a client that follows is caught.
        case redirect
        /// 410.
        case gone
    }

    package struct Received: Sendable, Hashable, Codable, Identifiable {
        /// Counts up from 1.
        package var id: Int
        package var at: Date
        package var path: String
        /// As they came, names in lower case.
        package var headers: [String: String]
        package var body: String
        package var signature: HookSignature
        /// The answer's status; nil where there was none.
        package var answered: Int?
        /// The same message came before: a shop does nothing then.
        package var isRepeated: Bool

        /// `webhook-id`, or the event's own id in a merchant's.
        package var message: String?
        package var event: String?
    }

    package private(set) var manner = Manner.verify
    /// Deliveries that are still answered in this manner; nil is all of them.
    package private(set) var remaining: Int?
    package private(set) var secrets: [String] = []
    /// The oldest first.
    package private(set) var received: [Received] = []
    private var count = 0
    private var seen: Set<String> = []
    private var watchers: [UUID: AsyncStream<Received>.Continuation] = [:]

    private static let limit = 500

    package init() {}

    /// - Parameter remaining: after so many, it verifies again; nil is until it is told otherwise.
    package func behave(_ manner: Manner, for remaining: Int? = nil) {
        self.manner = manner
        self.remaining = manner == .verify ? nil : remaining.map { max(1, $0) }
    }

    package func know(_ secrets: [String]) {
        self.secrets = secrets
    }

    package func clear() {
        received = []
        seen = []
    }

    /// Where a redirect leads; whoever posts there has followed one.
    package static let trap = "/hooks/elsewhere"

    /// Keeps a delivery; `answered` says how to answer it.
    package func take(_ path: String, _ headers: [String: String], _ body: [UInt8], at now: Date) -> Received {
        let signature = HookSignature(of: body, headers, secrets: secrets, at: now)
        let words = Words(body)
        let message = headers["webhook-id"] ?? words.id
        let key = message ?? "\(count)"
        count += 1
        let manner = path == Self.trap ? .verify : nextManner()
        let kept = Received(
            id: count,
            at: now,
            path: path,
            headers: headers,
            body: String(decoding: body, as: UTF8.self),
            signature: signature,
            answered: manner.status(for: signature),
            isRepeated: seen.contains(key),
            message: message,
            event: headers["x-gatehouse-event"] ?? words.eventType
        )
        // A shop that refused it has not done anything about it.
        if kept.answered == 200 { seen.insert(key) }
        received.append(kept)
        if received.count > Self.limit { received.removeFirst() }
        for watcher in watchers.values { watcher.yield(kept) }
        return kept
    }

    private func nextManner() -> Manner {
        guard let left = remaining else { return manner }
        let manner = manner
        if left == 1 { behave(.verify) } else { remaining = left - 1 }
        return manner
    }

    /// What comes from now on. The slow lose the oldest of what they have not read.
    package func watch() -> AsyncStream<Received> {
        let id = UUID()
        let (stream, continuation) = AsyncStream.makeStream(of: Received.self, bufferingPolicy: .bufferingNewest(100))
        watchers[id] = continuation
        continuation.onTermination = { _ in Task { await self.unwatch(id) } }
        return stream
    }

    private func unwatch(_ id: UUID) {
        watchers[id] = nil
    }
}

extension HookInbox.Manner {
    /// Nil where nothing is answered. A nudge without any signature is taken and not believed, as the document asks.
    func status(for signature: HookSignature) -> Int? {
        switch self {
        case .verify: signature.isProof || signature.isUnsigned ? 200 : 401
        case .fail: 500
        case .hang: nil
        case .redirect: 307
        case .gone: 410
        }
    }
}

/// The event's id and type in a body; nil where it says none.
private struct Words {
    var id: String?
    var eventType: String?

    init(_ body: [UInt8]) {
        struct Told: Decodable {
            var id: String?
            var event_type: String?
        }
        // Because a body that can't be read is shown all the same.
        let told = try? JSONDecoder().decode(Told.self, from: Data(body))
        (id, eventType) = (told?.id, told?.event_type)
    }
}
