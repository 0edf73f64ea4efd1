import Foundation
import TestKit

/// `pgbench` with a script of ours.
struct PGBench {
    var server: PostgresServer
    var clients: Int
    var seconds: Int

    /// Transactions a second, and milliseconds of one on average.
    func run(_ script: String) async throws -> (perSecond: Double, average: Double) {
        let file = try TestDirectory.make("pgbench") + "/script.sql"
        try Data(script.utf8).write(to: URL(fileURLWithPath: file))
        let output = try await TestKit.run(
            "pgbench",
            [
                "-h", server.directory, "-p", "\(server.port)", "-U", "postgres", "-n", "-M", "prepared",
                "-c", "\(clients)", "-j", "2", "-T", "\(seconds)", "-f", file, "postgres",
            ]
        )
        guard let rate = Self.number(after: "tps = ", in: output),
            let average = Self.number(after: "latency average = ", in: output),
            Self.number(after: "number of failed transactions: ", in: output) ?? 0 == 0
        else { throw Unreadable(text: output) }
        return (rate, average)
    }

    private static func number(after label: String, in text: String) -> Double? {
        guard let range = text.range(of: label) else { return nil }
        return Double(text[range.upperBound...].prefix { $0.isNumber || $0 == "." })
    }
}
