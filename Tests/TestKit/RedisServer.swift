import Foundation
import Glibc
import Logging
package import Redis
import Spawning
import Synchronization

/// A private redis-server in its own directory, with all controls of a bad day.
package final class RedisServer: Sendable {
    package struct Options: Sendable {
        /// `appendonly yes`, `appendfsync always`: nothing that was answered is lost by a `kill -9`.
        package var isDurable = false
        /// Listens on a port of 127.0.0.1, too.
        package var hasPort = false
        /// Listens for TLS on another port, with a certificate for `localhost` and 127.0.0.1.
        package var hasTLS = false
        /// Its certificate is valid and for another host.
        package var isMisnamed = false
        package var password: String?
        /// More words of its command line: `["--maxmemory", "2mb"]`.
        package var more: [String] = []
        package var environment: [String: String] = [:]

        package init(
            isDurable: Bool = false,
            hasPort: Bool = false,
            hasTLS: Bool = false,
            isMisnamed: Bool = false,
            password: String? = nil,
            more: [String] = [],
            environment: [String: String] = [:]
        ) {
            self.environment = environment
            self.isDurable = isDurable
            self.hasPort = hasPort
            self.hasTLS = hasTLS
            self.isMisnamed = isMisnamed
            self.password = password
            self.more = more
        }
    }

    package let options: Options
    package let directory: String
    package let port: Int?
    package let tlsPort: Int?
    package let certificates: TestCertificates?
    private let process = Mutex<ServerProcess?>(nil)

    /// Starts it and waits until it answers.
    package init(_ options: Options = Options()) async throws {
        self.options = options
        directory = try TestDirectory.make("redis")
        port = options.hasPort ? try freePort() : nil
        tlsPort = options.hasTLS ? try freePort() : nil
        certificates = options.hasTLS ? try await TestCertificates.shared() : nil
        try await start()
    }

    deinit {
        process.withLock { $0 }?.signal(SIGKILL)
    }

    // MARK: Where it is

    package var socket: String { directory + "/s" }

    /// By its socket, with the password.
    package var url: String { "unix://\(credentials)\(socket)" }

    package var portURL: String { "redis://\(credentials)127.0.0.1:\(port ?? 0)" }

    /// Certificates are checked against the tests' own authority.
    package func tlsURL(host: String = "localhost") -> String {
        "rediss://\(credentials)\(host):\(tlsPort ?? 0)?ca=\(certificates?.authority ?? "")"
    }

    private var credentials: String { options.password.map { ":\($0)@" } ?? "" }

    package func configuration() throws -> RedisConfiguration { try RedisConfiguration(url: url) }

    /// A new client by the socket.
    package func client() throws -> RedisClient {
        RedisClient(try configuration(), logger: .silent)
    }

    // MARK: What is done to it

    /// The same directory, socket and ports as before.
    package func start() async throws {
        let launch = ServerProcess.Launch(
            "redis-server",
            words,
            environment: options.environment,
            log: directory + "/log"
        )
        let started = try ServerProcess(launch)
        process.withLock { $0 = started }
        let client = try client()
        do {
            try await eventually {
                guard started.isRunning else {
                    throw CommandFailure(command: "redis-server", exit: await started.exit(), output: started.lastWords)
                }
                return try await client.call(["PING"]) == .status("PONG")
            }
        } catch {
            await started.kill()
            throw error
        }
    }

    package var isRunning: Bool { process.withLock { $0 }?.isRunning ?? false }

    /// SIGTERM: it saves what it is told to save.
    package func stop() async {
        await process.withLock { $0 }?.stop()
    }

    /// `kill -9`.
    package func kill() async {
        await process.withLock { $0 }?.kill()
    }

    package func restart() async throws {
        await stop()
        try await start()
    }

    /// Alive and silent: connections stand, nothing is answered.
    package func pause() async throws {
        try await process.withLock { $0 }?.pause()
    }

    package func resume() {
        process.withLock { $0 }?.resume()
    }

    private var words: [String] {
        var words = [
            "--dir", directory, "--unixsocket", socket, "--port", "\(port ?? 0)", "--bind", "127.0.0.1",
            "--daemonize", "no", "--save", "", "--enable-debug-command", "yes",
            "--appendonly", options.isDurable ? "yes" : "no", "--appendfsync", "always",
        ]
        if let password = options.password { words += ["--requirepass", password] }
        if let tlsPort, let certificates {
            words += [
                "--tls-port", "\(tlsPort)", "--tls-cert-file",
                options.isMisnamed ? certificates.certificateOfAnother : certificates.certificate,
                "--tls-key-file", options.isMisnamed ? certificates.keyOfAnother : certificates.key,
                "--tls-ca-cert-file", certificates.authority,
                "--tls-auth-clients", "no",
            ]
        }
        return words + options.more
    }
}

/// A port of 127.0.0.1 that nobody has at this moment, and that no outgoing connection is given later; never the same twice.
package func freePort() throws -> Int {
    for _ in 0..<200 {
        // Linux gives outgoing connections the ports from 32768 on.
        let port = Int.random(in: 10_000..<32_000)
        guard givenPorts.withLock({ $0.insert(port).inserted }) else { continue }
        if isFree(port) { return port }
    }
    throw SpawnError(command: "a listener", number: EADDRINUSE)
}

private let givenPorts = Mutex<Set<Int>>([])

private func isFree(_ port: Int) -> Bool {
    let socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}
