import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Opens connections: address, TLS, password, database, and a first answer.
final class Connector: Sendable {
    let configuration: RedisConfiguration
    /// Reading the certificate authorities takes a while, so it is done once.
    private let tlsContext = Mutex<NIOSSLContext?>(nil)

    init(_ configuration: RedisConfiguration) {
        self.configuration = configuration
    }

    /// A wire that is ready for commands, on `loop`. Fails with a `RedisError`.
    func connect(on loop: any EventLoop) -> EventLoopFuture<Wire> {
        let wire = Wire(on: loop, greeting: greeting)
        let patience = configuration.connectTimeout
        let alarm = loop.scheduleTask(in: TimeAmount(clamping: patience)) {
            wire.close(.connect("no answer within \(patience)"))
        }
        let channel = bootstrap(on: loop, with: wire)
        let connected: EventLoopFuture<any Channel> =
            switch configuration.address {
            case .tcp(let host, let port): channel.connect(host: host, port: port)
            case .unix(let path): channel.connect(unixDomainSocketPath: path)
            }
        connected.whenFailure { wire.close($0 as? RedisError ?? .connect(Self.reason($0))) }
        return wire.greeted.futureResult.map { wire }.always { _ in alarm.cancel() }
    }

    /// PING last: a server that is loading its data answers all before it, and does not answer anything while it is stopped.
    private var greeting: [[RedisArgument]] {
        var commands: [[RedisArgument]] = []
        if let password = configuration.password {
            commands.append(["AUTH"] + (configuration.user.map { [.text($0)] } ?? []) + [.text(password)])
        }
        if let name = configuration.clientName { commands.append(["CLIENT", "SETNAME", .text(name)]) }
        if configuration.database != 0 { commands.append(["SELECT", .int(configuration.database)]) }
        commands.append(["PING"])
        return commands
    }

    private func bootstrap(on loop: any EventLoop, with wire: Wire) -> ClientBootstrap {
        var bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(clamping: configuration.connectTimeout))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls = try self.tls() { try channel.pipeline.syncOperations.addHandler(tls) }
                    try channel.pipeline.syncOperations.addHandler(wire)
                }
            }
        if case .tcp = configuration.address {
            // Because a peer that vanished without a word is otherwise noticed only by the next call.
            bootstrap = bootstrap.channelOption(.socketOption(.so_keepalive), value: 1)
        }
        return bootstrap
    }

    private func tls() throws -> NIOSSLClientHandler? {
        guard let tls = configuration.tls, case .tcp(let host, _) = configuration.address else { return nil }
        let context = try tlsContext.withLock { cached in
            if let cached { return cached }
            var settings = TLSConfiguration.makeClientConfiguration()
            settings.minimumTLSVersion = .tlsv12
            settings.certificateVerification = tls.verifiesServer ? .fullVerification : .none
            if let path = tls.trustRoots { settings.trustRoots = .file(path) }
            let context = try NIOSSLContext(configuration: settings)
            cached = context
            return context
        }
        // Because a certificate names an address in another field, and TLS forbids to announce one.
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host)
    }

    /// What an operator needs to know of a failure to connect; it holds addresses and never a password.
    static func reason(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let first = error.connectionErrors.first { return reason(first.error) }
            if let lookup = error.dnsAError ?? error.dnsAAAAError { return reason(lookup) }
            return "no address of \(error.host) could be reached"
        case let error as IOError: return error.description
        case ChannelError.connectTimeout(let amount): return "no answer within \(amount)"
        default: return String(describing: error)
        }
    }
}
