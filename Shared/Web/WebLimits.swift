/// What a client may ask of us before we hang up.
package struct WebLimits: Sendable, Hashable {
    /// The largest body that is read, bytes.
    package var body: Int = 1 << 20
    /// From the first byte of a request, or from connecting, to the end of its headers.
    package var headerDeadline: Duration = .seconds(10)
    /// From the end of the headers to the end of the body.
    package var bodyDeadline: Duration = .seconds(30)
    /// How long a connection may wait for its next request.
    package var idle: Duration = .seconds(60)
    package var headerCount: Int = 100
    /// All header fields together, and each of them, bytes.
    package var headerBytes: Int = 32 << 10
    package var connections: Int = 2000

    package init() {}
}
