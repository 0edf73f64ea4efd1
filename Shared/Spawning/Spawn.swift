internal import Foundation
package import Glibc

package struct SpawnError: Error, CustomStringConvertible {
    package var command: String
    package var number: Int32

    package init(command: String, number: Int32) {
        self.command = command
        self.number = number
    }

    package var description: String { "cannot start \(command): \(String(cString: strerror(number)))" }
}

/// Starts a program in its own process group, with a clean signal mask, default signal handlers and no file of ours but its
/// input and output.
///
/// Because Foundation's `Process` leaks the mask of the calling thread: a server started from a task is deaf to SIGTERM.
///
/// - Parameters:
///   - environment: added to our own.
///   - input: an open file that it reads; without one it reads nothing.
///   - output: the file at whose end both its outputs are written.
package func spawn(
    _ words: [String],
    environment: [String: String] = [:],
    input: Int32? = nil,
    output: String
) throws(SpawnError) -> pid_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
    posix_spawnattr_setflags(&attributes, Int16(flags))

    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    if let input {
        posix_spawn_file_actions_adddup2(&files, input, 0)
    } else {
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_addopen(&files, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&files, 1, 2)
    for file in openFiles() where file > 2 {
        posix_spawn_file_actions_addclose(&files, file)
    }

    let variables = ProcessInfo.processInfo.environment.merging(environment) { _, ours in ours }
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    var settings: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in arguments + settings { free(text) } }
    var pid = pid_t()
    let status = posix_spawnp(&pid, words[0], &files, &attributes, &arguments, &settings)
    guard status == 0 else { throw SpawnError(command: words[0], number: status) }
    return pid
}

/// What this process has open now. A file that is closed meanwhile does no harm: closing it again is not an error there.
private func openFiles() -> [Int32] {
    // Because without /proc nothing is known, and then inheriting is all that is left.
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return names.compactMap { Int32($0) }
}
