import Addresses
package import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// The one way out to an address that somebody typed in.
///
/// The name is resolved once, every address is checked, and the connection goes to a checked address while SNI, `Host` and
/// the certificate keep the name. No redirect is followed, no proxy variable is read, no answer is decompressed, and of an
/// answer only the beginning is kept.
package struct GuardedClient: Sendable {
    private let policy: AddressPolicy
    private let resolver: any AddressResolver
    private let group: any EventLoopGroup
    private let limits: Limits
    private let shelves: ConnectionShelves

    package struct Limits: Sendable {
        /// From the first byte of the name look-up to the last of the answer.
        package var timeout: Duration
        /// Bytes of the answer that are read at most; the rest is not waited for.
        package var answer: Int

        package init(timeout: Duration = .seconds(30), answer: Int = 65_536) {
            self.timeout = timeout
            self.answer = answer
        }
    }

    /// - Parameter trustedCertificates: a PEM file of roots to trust instead of the system's; for a private authority.
    package init(
        policy: AddressPolicy = AddressPolicy(),
        resolver: any AddressResolver = SystemResolver(),
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        limits: Limits = Limits(),
        trustedCertificates: String? = nil
    ) {
        self.policy = policy
        self.resolver = resolver
        self.group = group
        self.limits = limits
        shelves = ConnectionShelves(trustedCertificates: trustedCertificates)
    }

    /// What is asked of the address of a line.
    package struct Request: Sendable {
        /// The caller's, to know it by.
        package var number: Int
        package var headers: [(String, String)]
        /// Sent unchanged by POST; nil is a GET.
        package var body: [UInt8]?

        package init(number: Int = 0, headers: [(String, String)], body: [UInt8]?) {
            self.number = number
            self.headers = headers
            self.body = body
        }
    }

    /// What came of a request. An answer of any status is an answer.
    package enum Outcome: Sendable, Hashable {
        case answered(Answer)
        case failed(Failure)
    }

    package struct Answer: Sendable, Hashable {
        package var status: Int
        /// The beginning of the body, at most `Limits.answer` bytes.
        package var body: [UInt8]
        /// The header as it came, for the caller's schedule.
        package var retryAfter: String?

        package init(status: Int, body: [UInt8], retryAfter: String?) {
            self.status = status
            self.body = body
            self.retryAfter = retryAfter
        }
    }

    /// Why no answer came, for us. Whoever typed the address is told `GuardedClient.refusal` in every case.
    package enum Failure: String, Sendable, Hashable, Error {
        case addressNotAllowed = "address not allowed"
        case unknownHost = "unknown host"
        case unreachable, certificate
        case timedOut = "timed out"
        case brokenAnswer = "broken answer"
        /// A header that would have been read as two.
        case brokenRequest = "broken request"
    }

    /// The one text that is shown for a failed request: with more, the form would be a port scanner.
    package static let refusal = "The address could not be reached."

    /// Posts `body` unchanged.
    package func post(_ body: [UInt8], to url: EndpointURL, headers: [(String, String)]) async -> Outcome {
        await send(Request(headers: headers, body: body), to: url)
    }

    /// Fetches what is there.
    package func get(_ url: EndpointURL, headers: [(String, String)] = []) async -> Outcome {
        await send(Request(headers: headers, body: nil), to: url)
    }

    private func send(_ request: Request, to url: EndpointURL) async -> Outcome {
        let single = Single(request)
        do throws(Failure) {
            let line = try await line(to: url, next: { single.take() }, ended: { _, outcome, _ in single.end(outcome) })
            await line.end()
            return single.outcome
        } catch {
            return .failed(error)
        }
    }

    /// A line to the address, for requests of which `width` are under way at once. The name is resolved and checked here,
    /// for as long as the line lasts: seconds.
    ///
    /// - Parameters:
    ///   - next: what is to be sent next, or nil for nothing now. Called on an event loop, so it must not block.
    ///   - ended: how a request ended and how long it took. Likewise; nothing is heard of what is cancelled.
    package func line(
        to url: EndpointURL,
        width: Int = 1,
        next: @escaping @Sendable () -> Request?,
        ended: @escaping @Sendable (_ number: Int, Outcome, Duration) -> Void
    ) async throws(Failure) -> Line {
        let deadline = NIODeadline.now() + TimeAmount(limits.timeout)
        let target = Target(url, at: try await checkedAddress(of: url))
        let loop = group.next()
        return Line(
            to: target,
            width: width,
            over: shelves.shelf(of: loop),
            limits: limits,
            firstDeadline: deadline,
            next: next,
            ended: ended
        )
    }

    /// One of the name's addresses, all of which must be allowed: a mixed answer is a trap.
    private func checkedAddress(of url: EndpointURL) async throws(Failure) -> SocketAddress {
        let found: [SocketAddress]
        do {
            found = try await resolver.addresses(of: url.host, port: url.port)
        } catch {
            throw .unknownHost
        }
        guard let first = found.first else { throw .unknownHost }
        for address in found {
            guard let checked = IPAddress(address), policy.permits(checked) else { throw .addressNotAllowed }
        }
        return first
    }
}

/// Where a line goes: the checked address, and the name that stays for `Host`, SNI and the certificate.
struct Target: Sendable {
    /// Connections are shared by what goes to one name at one address, and by nothing else.
    struct Key: Hashable, Sendable {
        var isSecure: Bool
        var host: String
        var port: Int
        var address: IPAddress?
    }

    let key: Key
    let address: SocketAddress
    /// As it stands in the `Host` header.
    let authority: String
    /// Path and query, as the request line has them.
    let path: String

    init(_ url: EndpointURL, at address: SocketAddress) {
        key = Key(isSecure: url.isSecure, host: url.host, port: url.port, address: IPAddress(address))
        self.address = address
        authority = url.port == (url.isSecure ? 443 : 80) ? url.host : "\(url.host):\(url.port)"
        path = url.path
    }
}

/// One request as a line wants it: handed out once, then its outcome.
private final class Single: Sendable {
    private let state: Mutex<(request: GuardedClient.Request?, outcome: GuardedClient.Outcome)>

    /// A request that was cancelled has taken too long for whoever asked.
    init(_ request: GuardedClient.Request) { state = Mutex((request, .failed(.timedOut))) }

    func take() -> GuardedClient.Request? {
        state.withLock { state in
            defer { state.request = nil }
            return state.request
        }
    }

    func end(_ outcome: GuardedClient.Outcome) { state.withLock { $0.outcome = outcome } }

    var outcome: GuardedClient.Outcome { state.withLock { $0.outcome } }
}
