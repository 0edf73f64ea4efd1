package import AsyncHTTPClient
package import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

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
    private let trustedCertificates: String?
    private let clients = PinnedClients()

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
        self.trustedCertificates = trustedCertificates
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
    }

    /// The one text that is shown for a failed request: with more, the form would be a port scanner.
    package static let refusal = "The address could not be reached."

    /// Posts `body` unchanged.
    package func post(_ body: [UInt8], to url: EndpointURL, headers: [(String, String)]) async -> Outcome {
        await request(.POST, url, headers: headers, body: body)
    }

    /// Fetches what is there.
    package func get(_ url: EndpointURL, headers: [(String, String)] = []) async -> Outcome {
        await request(.GET, url, headers: headers, body: nil)
    }

    private func request(
        _ method: HTTPMethod,
        _ url: EndpointURL,
        headers: [(String, String)],
        body: [UInt8]?
    ) async -> Outcome {
        let clock = ContinuousClock()
        let deadline = clock.now + limits.timeout
        do {
            let target = try await checkedAddress(of: url)
            var request = HTTPClientRequest(url: url.text)
            request.method = method
            for (name, value) in headers { request.headers.add(name: name, value: value) }
            if let body { request.body = .bytes(body) }
            return try await send(request, to: url, at: target, within: deadline - clock.now)
        } catch let failure as Failure {
            return .failed(failure)
        } catch {
            return .failed(Self.failure(for: error))
        }
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
            guard let checked = NetworkAddress(address), policy.permits(checked) else { throw .addressNotAllowed }
        }
        return first
    }

    private func send(
        _ request: HTTPClientRequest,
        to url: EndpointURL,
        at address: SocketAddress,
        within timeout: Duration
    ) async throws -> Outcome {
        guard timeout > .zero, let ip = address.ipAddress else { return .failed(.timedOut) }
        let key = PinnedClients.Key(host: url.host, address: ip)
        let clock = ContinuousClock()
        let deadline = clock.now + timeout
        var mayRepeat = true
        while true {
            let (client, isUsedAgain) = clients.take(key) {
                HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration(url.host, ip))
            }
            do {
                let answer = try await read(client.execute(request, timeout: TimeAmount(deadline - clock.now)))
                clients.giveBack(key, client, isBroken: false)
                return .answered(answer)
            } catch {
                clients.giveBack(key, client, isBroken: true)
                // A connection that waited for its next use may be closed by the other side at that very moment.
                guard isUsedAgain, mayRepeat, (error as? HTTPClientError) == .remoteConnectionClosed else {
                    throw error
                }
                mayRepeat = false
            }
        }
    }

    /// A client for one address, since the pinned address is part of its configuration.
    private func configuration(_ host: String, _ ip: String) -> HTTPClient.Configuration {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let trustedCertificates { tls.trustRoots = .file(trustedCertificates) }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls,
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(10)),
            proxy: nil,
            decompression: .disabled
        )
        configuration.dnsOverride = [host: ip]
        configuration.httpVersion = .http1Only
        configuration.maximumUsesPerConnection = 1000
        configuration.connectionPool.idleTimeout = .seconds(10)
        // Many endpoints may be at one host: how many requests go there at once is the queue's to say.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 10_000
        // The schedule tries again, not the client: a closed port is known at once.
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }

    private func read(_ response: HTTPClientResponse) async throws -> Answer {
        var body: [UInt8] = []
        for try await part in response.body {
            body.append(contentsOf: part.readableBytesView.prefix(limits.answer - body.count))
            if body.count >= limits.answer { break }
        }
        return Answer(
            status: Int(response.status.code),
            body: body,
            retryAfter: response.headers.first(name: "retry-after")
        )
    }

    private static func failure(for error: any Error) -> Failure {
        switch error {
        case let error as HTTPClientError
        where [.connectTimeout, .deadlineExceeded, .readTimeout, .writeTimeout, .tlsHandshakeTimeout].contains(error):
            .timedOut
        case is HTTPParserError, is HTTPClientError: .brokenAnswer
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: .certificate
        default: .unreachable
        }
    }
}
