import Foundation

/// One thing that was measured, beside its yardstick of the same run.
struct Figure: Sendable {
    var name: String
    var ours: Reading
    /// Another program doing the same work on the same servers, or nil where there is none.
    var yardstick: Reading?
    /// What the run is held to, in words, and whether it held.
    var goal: (text: String, met: Bool)?
    /// Of all processors' time during the run, the share that others took.
    var foreign: Double?

    struct Reading: Sendable {
        var by: String
        /// Operations a second, or what `unit` says.
        var value: Double
        var unit = "/s"
        /// Microseconds of CPU of the measured processes, an operation.
        var cpu: Double?
        /// Milliseconds.
        var p50: Double?
        var p99: Double?
    }

    /// Ours divided by the yardstick.
    var ratio: Double? {
        yardstick.map { $0.value > 0 ? ours.value / $0.value : 0 }
    }
}

extension Figure {
    var lines: [String] {
        var lines = ["\(name)", "    \(ours.text)"]
        if let yardstick { lines.append("    \(yardstick.text)") }
        if let ratio { lines.append("    ratio \(ratio.rounded(to: 2))") }
        if let goal { lines.append("    \(goal.met ? "met" : "MISSED"): \(goal.text)") }
        return lines
    }

    static let markdownHead =
        "| measured | ours | yardstick | ratio | CPU µs | p50 / p99 ms | other load |\n|---|---|---|---|---|---|---|"

    var markdown: String {
        var cells = [name, ours.amount]
        cells.append(yardstick.map { "\($0.amount) (\($0.by))" } ?? "–")
        cells.append(ratio?.rounded(to: 2) ?? "–")
        cells.append(ours.cpu?.rounded(to: 1) ?? "–")
        cells.append(ours.p50.map { "\($0.rounded(to: 2)) / \((ours.p99 ?? 0).rounded(to: 2))" } ?? "–")
        cells.append(foreign.map { "\(($0 * 100).rounded(to: 0)) %" } ?? "–")
        return "| " + cells.joined(separator: " | ") + " |"
    }
}

extension Figure.Reading {
    var amount: String {
        value >= 10_000 ? "\((value / 1000).rounded(to: 1))k \(unit)" : "\(value.rounded(to: 1)) \(unit)"
    }

    var text: String {
        var parts = ["\(by): \(amount)"]
        if let cpu { parts.append("\(cpu.rounded(to: 1)) µs CPU") }
        if let p50, let p99 { parts.append("p50 \(p50.rounded(to: 2)) ms, p99 \(p99.rounded(to: 2)) ms") }
        return parts.joined(separator: ", ")
    }
}

extension Double {
    func rounded(to places: Int) -> String {
        formatted(
            .number.precision(.fractionLength(0...places)).grouping(.never).locale(Locale(identifier: "en_US_POSIX"))
        )
    }
}
