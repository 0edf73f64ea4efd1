package import Addresses
package import Hummingbird
internal import Logging
internal import NIOCore
internal import Sealing

/// What is known of a request besides itself.
package struct WebContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// Who connected to us: the client, or a proxy. Nil on a socket that has no addresses.
    package let peer: IPAddress?
    /// Who sent the request, as far as the trusted proxies say.
    package var client: IPAddress?
    /// In the log lines of this request and in `X-Request-Id`: 16 hex digits, or what a trusted proxy calls it.
    package var requestID: String
    private let channel: any Channel

    package init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
        peer = source.channel.remoteAddress?.ipAddress.flatMap { IPAddress($0) }
        client = peer
        requestID = Self.newRequestID()
        logger[metadataKey: "hb.request.id"] = nil  // ours takes its place
    }

    /// Breaks the connection, whatever was to be answered on it.
    package func hangUp() {
        channel.close(promise: nil)
    }

    /// For the log: the client's address, or a dash.
    package var clientAddress: String { client?.description ?? "-" }

    static func newRequestID() -> String {
        var random = SystemRandomNumberGenerator()
        let number: UInt64 = random.next()
        return Digest.hex((0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) })
    }
}
