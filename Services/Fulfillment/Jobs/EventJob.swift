import Foundation
package import Jobs

/// A job that carries what a provider told, as it came.
///
/// On the wire: JSON; times are milliseconds since 1970, the body is Base64.
package protocol EventJob: Job {}

extension EventJob {
    package func payload() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .millisecondsSince1970
        return Array(try encoder.encode(self))
    }

    package init(payload: [UInt8], version: Int) throws {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .millisecondsSince1970
        self = try decoder.decode(Self.self, from: Data(payload))
    }
}
