/// How a piece of text is meant, in colours where there are any. Nothing is told by colour alone.
enum Tone: Sendable {
    case plain, heading, good, warning, bad, faint

    fileprivate var code: String? {
        switch self {
        case .plain: nil
        case .heading: "1"
        case .good: "32"
        case .warning: "33"
        case .bad: "31"
        case .faint: "2"
        }
    }
}

/// Whether the reader sees colours.
enum Style: Sendable {
    case plain, coloured

    func paint(_ text: String, _ tone: Tone) -> String {
        guard self == .coloured, let code = tone.code, !text.isEmpty else { return text }
        return "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }
}
