package import Foundation
import Spawning
import Synchronization

/// A program that runs beside the tests, until it is stopped or the test process ends.
package final class ServerProcess: Sendable {
    package enum Exit: Sendable, Hashable {
        case code(Int32)
        case signal(Int32)
    }

    package struct Launch: Sendable {
        /// A path, or a name found by PATH.
        package var executable: String
        package var arguments: [String]
        /// Added to our own environment.
        package var environment: [String: String] = [:]
        /// Who runs it, when we are root: some servers refuse to be root. Otherwise it runs as we do.
        package var user: String?
        /// Where it runs; the user must be allowed to enter it.
        package var directory: String?
        /// The file to which its output is appended.
        package var log: String

        package init(
            _ executable: String,
            _ arguments: [String],
            environment: [String: String] = [:],
            user: String? = nil,
            directory: String? = nil,
            log: String
        ) {
            self.executable = executable
            self.arguments = arguments
            self.environment = environment
            self.user = user
            self.directory = directory
            self.log = log
        }

        fileprivate var words: [String] {
            // The shell, setpriv and env all become the next program, so the process id stays the same.
            var words = ["/bin/sh", "-c", #"echo > "$0/$$" && exec "$@""#, TestDirectory.processes]
            if let directory { words += ["env", "-C", directory] }
            if let user, getuid() == 0 {
                words += ["setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups", "--"]
            }
            return words + [executable] + arguments
        }
    }

    package let launch: Launch
    package let pid: pid_t

    private struct State {
        var exit: Exit?
        var waiters: [CheckedContinuation<Exit, Never>] = []
    }
    private let state = Mutex(State())

    package init(_ launch: Launch) throws {
        self.launch = launch
        pid = try spawn(launch.words, environment: launch.environment, output: launch.log)
        Thread.detachNewThread { self.reap() }
    }

    package var isRunning: Bool { state.withLock { $0.exit == nil } }

    /// Does nothing when it has ended: its id may belong to another by then.
    package func signal(_ number: Int32) {
        state.withLock { state in
            if state.exit == nil { Foundation.kill(pid, number) }
        }
    }

    /// Waits for its end.
    @discardableResult
    package func exit() async -> Exit {
        await withCheckedContinuation { continuation in
            let exit = state.withLock { state in
                if state.exit == nil { state.waiters.append(continuation) }
                return state.exit
            }
            if let exit { continuation.resume(returning: exit) }
        }
    }

    /// Asks it to end with `signal`, waits, and makes it end when it has not within `patience`.
    @discardableResult
    package func stop(_ signal: Int32 = SIGTERM, within patience: Duration = .seconds(10)) async -> Exit {
        self.signal(signal)
        self.signal(SIGCONT)
        let enforcer = Task {
            try await Task.sleep(for: patience)
            self.signal(SIGKILL)
        }
        defer { enforcer.cancel() }
        return await exit()
    }

    /// `kill -9`, and waits for the end.
    @discardableResult
    package func kill() async -> Exit {
        signal(SIGKILL)
        return await exit()
    }

    /// SIGSTOP: it keeps its memory and its connections, and does nothing. Returns when it stands.
    package func pause() async throws {
        signal(SIGSTOP)
        try await eventually { self.processState == "T" }
    }

    package func resume() {
        signal(SIGCONT)
    }

    /// The end of what it wrote, for messages of failures.
    package var lastWords: String {
        guard let data = FileManager.default.contents(atPath: launch.log) else { return "" }
        return String(decoding: data.suffix(2_000), as: UTF8.self)
    }

    /// The letter of /proc: R, S, T, Z, …
    private var processState: Character? {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return nil }
        // After the name in parentheses, which may hold anything.
        let text = String(decoding: data, as: UTF8.self)
        return text.lastIndex(of: ")").flatMap { text[$0...].dropFirst(2).first }
    }

    private func reap() {
        var information = siginfo_t()
        // Seen first and taken away under the lock, so that no signal can reach a process that got the same id.
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        let (exit, waiters) = state.withLock { state in
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            let exit: Exit = status & 0x7f == 0 ? .code((status >> 8) & 0xff) : .signal(status & 0x7f)
            state.exit = exit
            defer { state.waiters = [] }
            return (exit, state.waiters)
        }
        unlink("\(TestDirectory.processes)/\(pid)")
        for waiter in waiters { waiter.resume(returning: exit) }
    }
}

/// Where our programs are: they were built beside the one that runs now.
package let builtPrograms = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

package func builtProgram(_ name: String) -> String { builtPrograms.appending(path: name).path }

/// Runs a command to its end and answers what it wrote. Throws when it fails.
@discardableResult
package func run(
    _ executable: String,
    _ arguments: [String],
    environment: [String: String] = [:],
    in directory: String? = nil
) async throws -> String {
    let log = try TestDirectory.make("run") + "/output"
    let process = try ServerProcess(
        .init(executable, arguments, environment: environment, directory: directory, log: log)
    )
    let exit = await process.exit()
    let output = String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self)
    guard exit == .code(0) else { throw CommandFailure(command: executable, exit: exit, output: output) }
    return output
}

package struct CommandFailure: Error, CustomStringConvertible {
    package var command: String
    package var exit: ServerProcess.Exit
    package var output: String
    package var description: String { "\(command) ended with \(exit): \(output.suffix(2_000))" }
}
