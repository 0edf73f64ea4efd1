import Foundation
package import Postgres
import Spawning
import Synchronization

/// A private Postgres cluster in its own directory, with all controls of a bad day.
package final class PostgresServer: Sendable {
    package struct Options: Sendable {
        /// Commits reach the disk. Without it they survive the end of the server, `kill -9` included, but not the machine's.
        package var isDurable = false
        /// Listens on a port of 127.0.0.1, too.
        package var hasPort = false
        /// Accepts TLS on that port, with a certificate for `localhost` and 127.0.0.1.
        package var hasTLS = false
        /// Asked of everybody; without one everybody is trusted.
        package var password: String?
        /// Settings as in postgresql.conf.
        package var settings: [String: String] = [:]

        package init(
            isDurable: Bool = false,
            hasPort: Bool = false,
            hasTLS: Bool = false,
            password: String? = nil,
            settings: [String: String] = [:]
        ) {
            self.isDurable = isDurable
            self.hasPort = hasPort || hasTLS
            self.hasTLS = hasTLS
            self.password = password
            self.settings = settings
        }
    }

    package let options: Options
    package let directory: String
    package let port: Int
    package let certificates: TestCertificates?
    private let binaries: String
    private let process = Mutex<ServerProcess?>(nil)
    private let paused = Mutex<[pid_t]>([])

    /// Makes the cluster, starts it and waits until it answers.
    package init(_ options: Options = Options()) async throws {
        self.options = options
        binaries = try Self.findBinaries()
        directory = try TestDirectory.make("pg")
        port = options.hasPort ? try freePort() : 5432
        certificates = options.hasTLS ? try await TestCertificates.shared() : nil
        try Self.give(directory)
        try await makeCluster()
        try await start()
    }

    deinit {
        resume()
        process.withLock { $0 }?.signal(SIGKILL)
    }

    // MARK: Where it is

    /// By its socket.
    package var url: String { "postgres://\(credentials)@/postgres?host=\(directory)&port=\(port)" }

    package func portURL(host: String = "127.0.0.1", parameters: String = "") -> String {
        "postgres://\(credentials)@\(host):\(port)/postgres?\(parameters)"
    }

    private var credentials: String { "postgres" + (options.password.map { ":\($0)" } ?? "") }

    package func configuration() throws -> PostgresConfiguration { try PostgresConfiguration(url: url) }

    /// A new pool by the socket.
    package func pool(_ change: (inout PostgresConfiguration) -> Void = { _ in }) throws -> PostgresPool {
        var configuration = try configuration()
        change(&configuration)
        return PostgresPool(configuration, logger: .silent)
    }

    // MARK: What is done to it

    /// The same cluster, socket and port as before.
    package func start() async throws {
        // After a `kill -9`, the old backends may need a moment to notice; until then a new server refuses to start.
        try await eventually {
            let started = try ServerProcess(Self.launch("\(binaries)/postgres", words, in: directory))
            process.withLock { $0 = started }
            try await waitUntilReady(started)
            return true
        }
    }

    package var isRunning: Bool { process.withLock { $0 }?.isRunning ?? false }

    /// SIGINT: sessions are ended with a message, and everything is written.
    package func stop() async {
        resume()
        await process.withLock { $0 }?.stop(SIGINT)
    }

    /// SIGQUIT, as `pg_ctl stop -m immediate`: sessions are ended, nothing is written; the next start recovers.
    package func stopImmediately() async {
        resume()
        await process.withLock { $0 }?.stop(SIGQUIT)
    }

    /// `kill -9` of the server and of every session; when it returns, their sockets are closed.
    package func kill() async throws {
        guard let process = process.withLock({ $0 }) else { return }
        // Stopped first, so that it starts nothing more.
        process.signal(SIGSTOP)
        let sessions = children(of: process.pid)
        for session in sessions { Foundation.kill(session, SIGKILL) }
        await process.kill()
        try await eventually { sessions.allSatisfy { status(of: $0).map { $0.state == "Z" } ?? true } }
    }

    package func restart() async throws {
        await stop()
        try await start()
    }

    /// Alive and silent: connections stand, new ones are taken by the kernel, nothing is answered.
    package func pause() async throws {
        guard let process = process.withLock({ $0 }) else { return }
        try await process.pause()
        let children = children(of: process.pid)
        for child in children {
            // Because a stopped process doesn't notice that its server is gone, the watchdog must know of it.
            _ = FileManager.default.createFile(atPath: "\(TestDirectory.processes)/\(child)", contents: nil)
            Foundation.kill(child, SIGSTOP)
        }
        paused.withLock { $0 += children }
    }

    package func resume() {
        paused.withLock { paused in
            for child in paused {
                Foundation.kill(child, SIGCONT)
                unlink("\(TestDirectory.processes)/\(child)")
            }
            paused = []
        }
        process.withLock { $0 }?.resume()
    }
}

// MARK: How it is started

extension PostgresServer {
    private static let user = "postgres"

    /// The newest version that is installed, where Debian puts it or on PATH.
    private static func findBinaries() throws -> String {
        let debian = "/usr/lib/postgresql"
        // Because there is no such folder elsewhere.
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: debian)) ?? []
        let installed = versions.sorted { (Double($0) ?? 0) > (Double($1) ?? 0) }.map { "\(debian)/\($0)/bin" }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders = installed + path.split(separator: ":").map(String.init)
        guard let found = folders.first(where: { FileManager.default.isExecutableFile(atPath: $0 + "/initdb") }) else {
            throw SpawnError(command: "initdb", number: ENOENT)
        }
        return found
    }

    private func makeCluster() async throws {
        if let password = options.password {
            let file = directory + "/password"
            try Data(password.utf8).write(to: URL(filePath: file))
            try Self.give(file)
            let words = Self.initialization(of: data) + ["--auth=scram-sha-256", "--pwfile=\(file)"]
            try await Self.execute("\(binaries)/initdb", words, in: directory)
        } else {
            try await Self.execute("cp", ["-a", try await Self.cluster.value, data], in: directory)
        }
        guard let certificates else { return }
        for (name, file) in [("certificate", certificates.certificate), ("key", certificates.key)] {
            let copy = "\(directory)/\(name).pem"
            try FileManager.default.copyItem(atPath: file, toPath: copy)
            chmod(copy, 0o600)
            try Self.give(copy)
        }
    }

    /// A fresh cluster to copy: making one takes ten times as long.
    private static let cluster = Task {
        let directory = try TestDirectory.make("cluster")
        try give(directory)
        let data = directory + "/data"
        try await execute("\(try findBinaries())/initdb", initialization(of: data) + ["--auth=trust"], in: directory)
        return data
    }

    private static func initialization(of data: String) -> [String] {
        ["--pgdata=\(data)", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    }

    private var words: [String] {
        var settings = [
            "listen_addresses": options.hasPort ? "127.0.0.1" : "",
            "port": "\(port)",
            "unix_socket_directories": directory,
            // Every test has a database and a pool of its own, and many run at once.
            "max_connections": "400",
        ]
        if !options.isDurable {
            settings["fsync"] = "off"
            settings["full_page_writes"] = "off"
        }
        if options.hasTLS {
            settings["ssl"] = "on"
            settings["ssl_cert_file"] = directory + "/certificate.pem"
            settings["ssl_key_file"] = directory + "/key.pem"
        }
        settings.merge(options.settings) { _, ours in ours }
        return ["-D", data] + settings.flatMap { ["-c", "\($0)=\($1)"] }
    }

    private var data: String { directory + "/data" }

    private static func launch(_ program: String, _ words: [String], in directory: String) -> ServerProcess.Launch {
        ServerProcess.Launch(program, words, user: user, directory: directory, log: directory + "/log")
    }

    /// Runs a command to its end, as the server's user.
    private static func execute(_ program: String, _ words: [String], in directory: String) async throws {
        let process = try ServerProcess(launch(program, words, in: directory))
        let exit = await process.exit()
        guard exit == .code(0) else {
            throw CommandFailure(command: program, exit: exit, output: process.lastWords)
        }
    }

    private func waitUntilReady(_ started: ServerProcess) async throws {
        let pool = try pool { $0.waitTimeout = .milliseconds(200) }
        do {
            try await eventually {
                guard started.isRunning else { return true }
                return try await !pool.query("SELECT 1").isEmpty
            }
        } catch {
            await pool.close()
            await started.kill()
            throw error
        }
        await pool.close()
        guard started.isRunning else {
            throw CommandFailure(command: "postgres", exit: await started.exit(), output: started.lastWords)
        }
    }

    /// Makes a file the server's own: as root we run it as somebody else.
    private static func give(_ path: String) throws {
        guard getuid() == 0 else { return }
        guard let user = getpwnam(user) else {
            throw SpawnError(command: "a process of \(user)", number: ENOENT)
        }
        guard chown(path, user.pointee.pw_uid, user.pointee.pw_gid) == 0 else {
            throw SpawnError(command: "chown", number: errno)
        }
    }
}

/// By /proc: the sessions of a server have process groups of their own, so its group doesn't hold them.
private func children(of parent: pid_t) -> [pid_t] {
    // Because without /proc nothing is known.
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { pid_t($0) }.filter { status(of: $0)?.parent == parent }
}

/// The letter of /proc (R, S, T, Z, …) and the parent; nil when there is no such process.
private func status(of process: pid_t) -> (state: Substring, parent: pid_t)? {
    guard let data = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return nil }
    let text = String(decoding: data, as: UTF8.self)
    // After the name in parentheses, which may hold anything.
    guard let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[end...].split(separator: " ")
    guard fields.count > 2, let parent = pid_t(fields[2]) else { return nil }
    return (fields[1], parent)
}
