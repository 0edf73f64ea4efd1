import Foundation

@testable import ThriveCart

/// The captured and derived bodies in `Tests/Fixtures/thrivecart`.
enum Fixtures {
    static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/thrivecart")

    /// The names of all event bodies, sorted.
    static let events: [String] = {
        let names = try? FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "events").path)
        return (names ?? []).sorted()  // Because a missing folder fails the test that counts them.
    }()

    static func event(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: "events").appending(path: name)))
    }

    static func payload(_ name: String) throws -> ThriveCartPayload {
        try ThriveCartBody.parse(try event(name))
    }

    static func json(_ name: String) throws -> [String: Any] {
        let data = try Data(contentsOf: folder.appending(path: name))
        return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    }
}

/// A parsed body as plain values, to compare with what is expected.
indirect enum Shape: Hashable, CustomStringConvertible {
    case text([UInt8])
    case null
    case map([[UInt8]: Shape])

    init(_ node: PayloadNode) {
        if let bytes = node.bytes {
            self = .text(bytes)
        } else if node.isMap {
            self = .map(Dictionary(uniqueKeysWithValues: node.members.map { ($0.key, Shape($0.value)) }))
        } else {
            self = .null
        }
    }

    /// From what JSONSerialization makes: lists become maps with the keys 0, 1, 2, ….
    init(json: Any) {
        switch json {
        case let text as String: self = .text(Array(text.utf8))
        case let list as [Any]:
            self = .map(
                Dictionary(uniqueKeysWithValues: list.enumerated().map { (Array("\($0)".utf8), Shape(json: $1)) })
            )
        case let map as [String: Any]:
            self = .map(Dictionary(uniqueKeysWithValues: map.map { (Array($0.key.utf8), Shape(json: $0.value)) }))
        case let number as NSNumber: self = .text(Array("\(number)".utf8))
        default: self = .null
        }
    }

    /// Without the named key at any depth, and without maps that hold no text.
    func without(_ key: String) -> Shape {
        guard case .map(let members) = self else { return self }
        let kept = members.filter { $0.key != Array(key.utf8) }.mapValues { $0.without(key) }
        return .map(kept.filter { $0.value != .map([:]) })
    }

    var description: String {
        switch self {
        case .text(let bytes): "\"\(String(decoding: bytes, as: UTF8.self))\""
        case .null: "null"
        case .map(let members):
            "{"
                + members.map { "\(String(decoding: $0.key, as: UTF8.self)): \($0.value)" }.sorted()
                .joined(separator: ", ") + "}"
        }
    }
}
