import Foundation

/// What a command found out or did: one JSON document for scripts, a page for people.
///
/// The JSON is a contract: names are snake_case, times are UTC in ISO 8601, what is not there is left out; fields are
/// only ever added.
protocol Answer: Encodable, Sendable {
    /// `.no` makes the process end with 3; anything else that went wrong is thrown instead.
    var exitStatus: ExitStatus { get }
    func show(on page: inout Page)
}

extension Answer {
    var exitStatus: ExitStatus { .ok }
}

/// Writes values the way every command does.
enum JSONDocument {
    static func text(_ value: some Encodable) throws -> String {
        try text(value, [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    }

    /// The same on one line, for streams.
    static func line(_ value: some Encodable) throws -> String {
        try text(value, [.sortedKeys, .withoutEscapingSlashes])
    }

    private static func text(_ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting) throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(Moment.text(date))
        }
        encoder.outputFormatting = formatting
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
