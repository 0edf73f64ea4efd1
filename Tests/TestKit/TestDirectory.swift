import Foundation
import Synchronization

/// The one directory of this test process. It is removed, with everything in it, when the process ends, however it ends.
package enum TestDirectory {
    /// Short, because a socket's path must fit in 107 bytes. Others may enter it: Postgres runs as another user.
    package static let root: String = {
        var template = Array((NSTemporaryDirectory() + "/gh-XXXXXX").replacing("//", with: "/").utf8CString)
        guard let made = mkdtemp(&template) else {
            fatalError("no temporary directory: \(String(cString: strerror(errno)))")
        }
        let path = String(cString: made)
        chmod(path, 0o755)
        mkdir(processes(in: path), 0o755)
        Watchdog.start(for: path)
        return path
    }()

    /// A new empty directory within it, named after `purpose`.
    package static func make(_ purpose: String) throws -> String {
        let number = counter.add(1, ordering: .relaxed).newValue
        let path = "\(root)/\(purpose)\(number)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        return path
    }

    private static let counter = Atomic(0)

    /// Holds a file for every server process, named by its id.
    static var processes: String { processes(in: root) }

    private static func processes(in root: String) -> String { root + "/pids" }
}
