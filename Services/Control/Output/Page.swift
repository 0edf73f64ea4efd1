/// What a command shows to a person, built line by line.
struct Page {
    let style: Style
    /// The terminal's columns; nil where the output is no terminal and nothing is cut.
    let width: Int?
    private(set) var text = ""

    init(style: Style = .plain, width: Int? = nil) {
        self.style = style
        self.width = width
    }

    /// One line; text from outside is made harmless.
    mutating func line(_ line: String = "", _ tone: Tone = .plain) {
        text += style.paint(PlainText.shown(line), tone) + "\n"
    }

    /// One line that is made already: harmless and painted.
    mutating func raw(_ line: String) { text += line + "\n" }

    /// Text with line ends of its own.
    mutating func paragraph(_ text: String, _ tone: Tone = .plain) {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) { self.line(String(line), tone) }
    }

    mutating func heading(_ title: String) {
        if !text.isEmpty { line() }
        line(title, .heading)
    }

    /// Names and values, the values under each other; a nil value leaves its line out.
    mutating func fields(_ fields: KeyValuePairs<String, Table.Cell?>) {
        let present = fields.compactMap { field in field.value.map { (name: field.key, cell: $0) } }
        let widest = present.map { PlainText.width($0.name) }.max() ?? 0
        for (name, cell) in present {
            text += style.paint(PlainText.padded(name, to: widest), .faint) + "  "
            text += style.paint(cell.text, cell.tone) + "\n"
        }
    }

    /// The table, or the sentence where there are no rows.
    mutating func table(_ table: Table, otherwise sentence: String) {
        guard !table.isEmpty else { return line(sentence) }
        text += table.lines(style, width: width).joined(separator: "\n") + "\n"
    }

    /// Tells how to see more, where there is more.
    mutating func next(_ id: String?) {
        if let id { line("There is more: --after \(id)", .faint) }
    }

    /// A block from outside, such as a stored body: shown as it is, less what could steer the terminal.
    mutating func block(_ block: String) {
        text += PlainText.shown(block, keepingLines: true)
        if !text.hasSuffix("\n") { text += "\n" }
    }
}
