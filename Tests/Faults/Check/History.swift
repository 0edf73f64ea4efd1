import FaultKit
import Foundation
import Synchronization

/// What the load generator saw, a line of JSON for each thing: to look into a run afterwards.
final class History: Sendable {
    private let file: Mutex<FileHandle?>
    private let start = Date()

    /// - Parameter path: nil keeps nothing.
    init(_ path: String?) throws {
        guard let path else {
            file = Mutex(nil)
            return
        }
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let handle = FileHandle(forWritingAtPath: path)
        else { throw CocoaError(.fileWriteNoPermission) }
        file = Mutex(handle)
    }

    /// One post and its answer; `status` is nil when none came.
    func post(_ webhook: String, status: UInt?, took: Duration) {
        write(["webhook": webhook, "status": status.map { "\($0)" } ?? "none", "ms": "\(Int(took / .milliseconds(1)))"])
    }

    func harm(_ what: String) { write(["harm": what]) }

    func finding(_ what: String) { write(["finding": what]) }

    private func write(_ fields: KeyValuePairs<String, String>) {
        file.withLock { handle in
            guard let handle else { return }
            let at = (Date().timeIntervalSince(start) * 1000).rounded() / 1000
            let rest = fields.map { "\"\($0)\": \"\($1.replacing("\"", with: "'"))\"" }.joined(separator: ", ")
            handle.write(Data("{\"at\": \(at), \(rest)}\n".utf8))
        }
    }
}
