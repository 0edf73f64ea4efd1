/// How far long work has come: one line on the error output, redrawn, and only where a person looks at it.
struct ProgressLine: Sendable {
    private let terminal: Terminal
    private let what: String

    init(_ what: String, on terminal: Terminal = .errors) {
        self.what = what
        self.terminal = terminal
    }

    func show(_ done: Int, of total: Int, _ note: String = "") {
        guard terminal.isTerminal else { return }
        terminal.write("\r" + Self.line(what, done, total, note, width: terminal.width ?? 80) + "\u{1B}[K")
    }

    /// Clears the line, so that what follows starts clean.
    func finish() {
        guard terminal.isTerminal else { return }
        terminal.write("\r\u{1B}[K")
    }

    /// `re-sealing  [############--------]  60 %  300/500`
    static func line(_ what: String, _ done: Int, _ total: Int, _ note: String = "", width: Int) -> String {
        let share = total <= 0 ? 1 : min(1, max(0, Double(done) / Double(total)))
        let filled = Int((share * 20).rounded(.down))
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: 20 - filled)
        let percent = PlainText.padded("\(Int((share * 100).rounded(.down)))", to: 3, flushRight: true)
        return PlainText.cut(
            "\(what)  [\(bar)] \(percent) %  \(done)/\(total)" + (note.isEmpty ? "" : "  \(note)"),
            to: max(1, width - 1)
        )
    }
}
