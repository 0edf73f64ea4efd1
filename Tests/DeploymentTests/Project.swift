import Foundation

/// The project's own files, as text.
enum Project {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func text(_ path: String) throws -> String {
        try String(contentsOf: folder.appending(path: path), encoding: .utf8)
    }

    static func lines(_ path: String) throws -> [String] {
        try text(path).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// What Package.swift builds as programs.
    static var programs: Set<String> {
        get throws {
            Set(try text("Package.swift").matches(of: /\.executable\(name: "([^"]+)"/).map { String($0.1) })
        }
    }
}
