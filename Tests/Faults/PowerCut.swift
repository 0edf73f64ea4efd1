import Foundation
package import TestKit

/// Plays the loss of power for a Redis that was killed: its append-only file is cut back to what had reached the disk.
///
/// Without this, a kill -9 proves little: the kernel keeps what was written and never synced.
package struct PowerCut: Sendable {
    private let records: String
    private let lying: Duration?

    /// - Parameter lying: how often a disk that lies keeps what it said it had; nil for an honest one.
    package init(lying: Duration? = nil) throws {
        records = try TestDirectory.make("power")
        self.lying = lying
    }

    /// What the server is started with.
    package var environment: [String: String] {
        var environment = ["LD_PRELOAD": Self.library, "POWER_CUT_RECORDS": records]
        if let lying { environment["POWER_CUT_LIES_MS"] = "\(Int(lying / .milliseconds(1)))" }
        return environment
    }

    /// Between the kill and the next start. Answers how many bytes are lost.
    @discardableResult
    package func cut(_ server: RedisServer) throws -> Int {
        let directory = server.directory + "/appendonlydir"
        var lost = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) where name.hasSuffix(".incr.aof") {
            let path = directory + "/" + name
            let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
            let synced = min(size, length(of: name))
            guard truncate(path, off_t(synced)) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
            lost += size - synced
        }
        return lost
    }

    /// What was never synced is not there.
    private func length(of name: String) -> Int {
        let text = FileManager.default.contents(atPath: records + "/" + name).map {
            String(decoding: $0, as: UTF8.self)
        }
        return text.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? 0
    }

    /// Built beside the running program.
    private static let library = builtProgram("libpower-cut.so")
}
