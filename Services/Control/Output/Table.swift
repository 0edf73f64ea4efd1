/// Rows under titles, aligned; cut to the terminal where there is one, whole where the output goes to a file.
struct Table {
    struct Column: ExpressibleByStringLiteral {
        var title: String
        var flushRight = false

        init(stringLiteral title: String) { self.title = title }
        static func number(_ title: String) -> Self {
            var column = Self(stringLiteral: title)
            column.flushRight = true
            return column
        }
    }

    /// One value in a row; text from outside is made harmless here.
    struct Cell: ExpressibleByStringInterpolation {
        let text: String
        let tone: Tone

        init(_ text: String?, _ tone: Tone = .plain) {
            self.text = text.map { PlainText.shown($0) } ?? "–"
            self.tone = text == nil ? .faint : tone
        }
        init(stringLiteral text: String) { self.init(text) }
    }

    private let columns: [Column]
    private var rows: [[Cell]] = []

    init(_ columns: Column...) { self.columns = columns }

    mutating func row(_ cells: Cell...) { rows.append(cells) }

    var isEmpty: Bool { rows.isEmpty }

    /// The lines of the table; `width` is the terminal's, nil for no limit.
    func lines(_ style: Style, width: Int?) -> [String] {
        let widths = columnWidths(within: width)
        let titles = columns.map { Cell($0.title.uppercased(), .heading) }
        return ([titles] + rows).map { line($0, widths, style) }
    }

    private func line(_ cells: [Cell], _ widths: [Int], _ style: Style) -> String {
        var line = ""
        var owed = ""  // blanks that only a further cell makes necessary, so that no line ends in them
        for (index, cell) in cells.enumerated() where index < columns.count {
            let text = PlainText.cut(cell.text, to: widths[index])
            let blanks = String(repeating: " ", count: max(0, widths[index] - PlainText.width(text)))
            line += owed
            line += columns[index].flushRight ? blanks + style.paint(text, cell.tone) : style.paint(text, cell.tone)
            owed = Self.gap + (columns[index].flushRight ? "" : blanks)
        }
        return line
    }

    /// The widest columns give way first; none below 8 columns, so a very narrow terminal wraps.
    private func columnWidths(within limit: Int?) -> [Int] {
        var widths = columns.indices.map { index in
            rows.reduce(PlainText.width(columns[index].title)) { widest, row in
                index < row.count ? max(widest, PlainText.width(row[index].text)) : widest
            }
        }
        guard let limit else { return widths }
        let gaps = Self.gap.count * max(0, columns.count - 1)
        var excess = widths.reduce(gaps, +) - limit
        while excess > 0, let widest = widths.indices.max(by: { widths[$0] < widths[$1] }), widths[widest] > 8 {
            widths[widest] -= 1
            excess -= 1
        }
        return widths
    }

    private static let gap = "  "
}
