import Foundation
import TestKit

/// `wrk`, posting a body that is another one each time.
struct Wrk {
    var connections = 64
    var seconds: Int

    struct Result {
        var perSecond: Double
        var p50, p99: Double
    }

    /// - Parameter body: its `mark` is replaced by a number of ten digits.
    func post(_ body: String, mark: String, to url: String) async throws -> Result {
        let directory = try TestDirectory.make("wrk")
        let parts = body.components(separatedBy: mark).map { "[==[\($0)]==]" }.joined(separator: ", ")
        let script = """
            local parts, number = { \(parts) }, 1000000000
            local head = { ["Content-Type"] = "application/x-www-form-urlencoded" }
            function request()
                number = number + 1
                return wrk.format("POST", nil, head, table.concat(parts, number))
            end
            """
        try Data(script.utf8).write(to: URL(fileURLWithPath: directory + "/script.lua"))
        let output = try await run(
            "wrk",
            ["-t1", "-c\(connections)", "-d\(seconds)s", "--latency", "-s", directory + "/script.lua", url]
        )
        guard !output.contains("Non-2xx"), !output.contains("Socket errors"),
            let rate = Self.word(after: "Requests/sec:", in: output).flatMap({ Double($0) }),
            let p50 = Self.word(after: "     50%", in: output).flatMap(Self.milliseconds),
            let p99 = Self.word(after: "     99%", in: output).flatMap(Self.milliseconds)
        else { throw Unreadable(text: output) }
        return Result(perSecond: rate, p50: p50, p99: p99)
    }

    private static func word(after label: String, in text: String) -> String? {
        guard let range = text.range(of: label) else { return nil }
        return text[range.upperBound...].split(whereSeparator: \.isWhitespace).first.map(String.init)
    }

    /// `812.00us`, `4.40ms`, `1.02s`.
    private static func milliseconds(_ text: String) -> Double? {
        for (unit, factor) in [("us", 0.001), ("ms", 1), ("s", 1000)] where text.hasSuffix(unit) {
            if let number = Double(text.dropLast(unit.count)) { return number * factor }
        }
        return nil
    }
}
