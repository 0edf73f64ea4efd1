import Foundation

/// How far the check has come: a bar that is redrawn where somebody looks, a line every ten seconds where nobody does.
struct Progress {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let start = ContinuousClock.now
    private var next = ContinuousClock.now

    mutating func show(_ what: String, _ done: Int, of total: Int, _ rest: String) {
        let now = ContinuousClock.now
        guard isTerminal || now >= next else { return }
        next = now + .seconds(10)
        let share = total > 0 ? min(1, Double(done) / Double(total)) : 1
        let filled = Int(share * 24)
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: 24 - filled)
        let text = "\(what)  [\(bar)] \(done)/\(total)  \(rest)  \(Int((now - start) / .seconds(1))) s"
        write(isTerminal ? "\r\(text)\u{1B}[K" : text + "\n")
    }

    func clear() {
        if isTerminal { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
