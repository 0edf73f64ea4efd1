/// One body that ThriveCart posted, parsed but not yet believed: see `ThriveCartVerifier`.
package struct ThriveCartPayload: Sendable {
    static let secretName = Array("thrivecart_secret".utf8)

    /// Every field; the secret is still among them.
    package let root: PayloadNode
    private let raw: [UInt8]
    /// Where in `raw` the secret is, in whatever spelling, each with one separator.
    private let secrets: [Range<Int>]

    init(raw: [UInt8], root: PayloadNode, secrets: [Range<Int>]) {
        self.raw = raw
        self.root = root
        self.secrets = secrets
    }

    /// The secret word that came with the body; nil when there is none, when it is empty, and when it is not plain text.
    ///
    /// Source: rule A6.
    package var secret: [UInt8]? {
        guard let bytes = root["thrivecart_secret"]?.bytes, !bytes.isEmpty else { return nil }
        return bytes
    }

    /// The seller's account, lower case; nil when the body names none.
    package var account: String? { root["thrivecart_account"]?.identifier?.lowercased() }

    /// Whether the body names an account, and not this one. What is no plain text is never this one.
    func namesAccount(otherThan account: String) -> Bool {
        guard let node = root["thrivecart_account"] else { return false }
        guard !node.isMap else { return true }
        return node.value.map { $0.lowercased() != account } ?? false
    }

    /// The event's name as it came, `order.success`; nil for a ping.
    package var event: String? { root["event"]?.identifier }

    /// The posts that ThriveCart makes to see whether the address works: empty, or without an event. Source: rule A1.
    package var isPing: Bool { event == nil }

    /// A ping that does not even carry the secret: it names no event, and proves nothing anywhere in it.
    package var isBare: Bool { root["event"] == nil && secrets.isEmpty }

    /// What stays the same when the same delivery is sent again: `webhook_id`, else the event and `event_id`, else a
    /// digest of all fields but the secret.
    ///
    /// Unique within one account. At most 220 bytes. The digest does not depend on the encoding or the fields' order.
    /// Source: rule B1.
    package var deliveryKey: String {
        if let webhook = root["webhook_id"]?.identifier { return "webhook:\(webhook)" }
        if let event, let id = root["event_id"]?.identifier { return "event:\(event):\(id)" }
        return "sha256:" + CanonicalDigest.hex(of: root)
    }

    /// The same, unique within a site: where it takes several accounts, their numbers may be alike.
    ///
    /// - Parameter account: the site's only account; nil and empty where it takes any.
    package func deliveryKey(at account: String?) -> String {
        let key = deliveryKey
        guard account?.isEmpty ?? true, let own = self.account, key.hasPrefix("event:") else { return key }
        return "account:\(own):\(key)"
    }

    /// The body as it came, byte for byte, less every field that is the secret or inside it.
    ///
    /// What is left is valid in its encoding and parses to the same fields. This is what may be stored.
    package func withoutSecret() -> [UInt8] {
        var kept: [UInt8] = []
        kept.reserveCapacity(raw.count)
        var position = 0
        for cut in secrets.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if cut.lowerBound > position { kept += raw[position..<cut.lowerBound] }
            position = max(position, cut.upperBound)
        }
        kept += raw[position...]
        return kept
    }
}

extension ThriveCartPayload: CustomStringConvertible {
    /// Says how long the body is and nothing of what is in it, so that no log line can.
    package var description: String { "ThriveCartPayload(\(raw.count) bytes)" }
}

extension UInt8 {
    /// Two lower-case hex digits.
    var hexPair: String { (self < 16 ? "0" : "") + String(self, radix: 16) }
}
