internal import Foundation
internal import Logging

/// How a log line is written.
package enum LogFormat: String, Sendable {
    /// For machines: one object a line, `{"timestamp":…,"level":…,"message":…,"service":…,<metadata>}`.
    case json
    /// For people at a terminal.
    case text

    /// With its line end.
    func line(_ event: LogEvent, service: String, metadata: Logger.Metadata, at now: Date) -> [UInt8] {
        switch self {
        case .json: jsonLine(event, service, metadata, now)
        case .text: textLine(event, service, metadata, now)
        }
    }

    private func jsonLine(_ event: LogEvent, _ service: String, _ metadata: Logger.Metadata, _ now: Date) -> [UInt8] {
        var json = JSONWriter()
        json.begin("{", "}") { json in
            json.member("timestamp", .string(Self.timestamp(now)))
            json.member("level", .string(event.level.rawValue))
            json.member("message", .string(event.message.description))
            json.member("service", .string(service))
            for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
                json.member(Self.taken.contains(key) ? "_" + key : key, value)
            }
        }
        return json.bytes + [UInt8(ascii: "\n")]
    }

    private static let taken: Set<String> = ["timestamp", "level", "message", "service"]

    private func textLine(_ event: LogEvent, _ service: String, _ metadata: Logger.Metadata, _ now: Date) -> [UInt8] {
        var line =
            "\(Self.timestamp(now).dropFirst(11)) \(event.level.rawValue.uppercased()) \(service): \(event.message)"
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(value)" }
        // Because a message with a line end in it could pass for a line of ours.
        let shown = line.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : Character($0) }
        return Array(String(shown).utf8) + [UInt8(ascii: "\n")]
    }

    /// `2026-01-31T23:59:59.123Z`
    static func timestamp(_ date: Date) -> String {
        date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}

/// Writes the JSON of a log line; strings are cut at 4 KiB and values nested deeper than 4 become text.
private struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    private var isFirst = true
    private var depth = 0

    private static let longest = 4096

    mutating func member(_ name: String, _ value: Logger.MetadataValue) {
        separate()
        string(name)
        bytes.append(UInt8(ascii: ":"))
        self.value(value)
    }

    mutating func begin(_ open: Unicode.Scalar, _ close: Unicode.Scalar, _ body: (inout JSONWriter) -> Void) {
        bytes.append(UInt8(ascii: open))
        let outer = isFirst
        isFirst = true
        depth += 1
        body(&self)
        depth -= 1
        isFirst = outer
        bytes.append(UInt8(ascii: close))
    }

    private mutating func value(_ value: Logger.MetadataValue) {
        switch value {
        case .string(let text): string(text)
        case .stringConvertible(let number as any FixedWidthInteger): bytes.append(contentsOf: "\(number)".utf8)
        case .stringConvertible(let flag as Bool): bytes.append(contentsOf: "\(flag)".utf8)
        case .stringConvertible(let other): string(other.description)
        case .dictionary where depth > 4, .array where depth > 4: string(value.description)
        case .dictionary(let members):
            begin("{", "}") { json in
                for (key, value) in members.sorted(by: { $0.key < $1.key }) { json.member(key, value) }
            }
        case .array(let elements):
            begin("[", "]") { json in
                for element in elements {
                    json.separate()
                    json.value(element)
                }
            }
        }
    }

    private mutating func separate() {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        isFirst = false
    }

    private mutating func string(_ text: String) {
        let digits = Array("0123456789abcdef".utf8)
        bytes.append(UInt8(ascii: "\""))
        var count = 0
        for scalar in text.unicodeScalars {
            count += scalar.utf8.count
            guard count <= Self.longest else {
                bytes.append(contentsOf: "…".utf8)
                break
            }
            switch scalar {
            case "\"", "\\": bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: scalar)])
            case "\n": bytes.append(contentsOf: "\\n".utf8)
            // The line and paragraph separators too: some readers of lines take them for line ends.
            case "\0"..<" ", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
                bytes.append(contentsOf: "\\u".utf8)
                for shift in [12, 8, 4, 0] { bytes.append(digits[Int(scalar.value >> shift & 15)]) }
            default: bytes.append(contentsOf: scalar.utf8)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
