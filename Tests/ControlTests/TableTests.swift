import Testing

@testable import ControlCommands

@Suite struct `A table` {
    private func plans() -> Table {
        var table = Table("plan", "name", .number("members"))
        table.row("basic", "Basic", "7")
        table.row("gold", "李小龙's plan", "12")
        return table
    }

    @Test func `aligns its columns and leaves no blanks at the end`() {
        #expect(
            plans().lines(.plain, width: nil) == [
                "PLAN   NAME           MEMBERS",
                "basic  Basic                7",
                "gold   李小龙's plan       12",
            ]
        )
    }

    @Test func `takes from the widest column what a narrow terminal lacks`() {
        var table = Table("id", "what")
        table.row("1", "a rather long description of it")
        let lines = table.lines(.plain, width: 20)
        #expect(lines[1] == "1   a rather long d…")
        #expect(lines.allSatisfy { PlainText.width($0) <= 20 })
    }

    @Test func `colours words only where colours are wanted`() {
        var table = Table("status")
        table.row(Table.Cell("active", .good))
        #expect(table.lines(.plain, width: nil)[1] == "active")
        #expect(table.lines(.coloured, width: nil)[1] == "\u{1B}[32mactive\u{1B}[0m")
    }

    @Test func `shows a dash for what is not there`() {
        var table = Table("until")
        table.row(Table.Cell(nil))
        #expect(table.lines(.plain, width: nil)[1] == "–")
    }

    @Test func `with no rows says its sentence instead`() {
        var page = Page()
        page.table(Table("plan"), otherwise: "No plans yet.")
        #expect(page.text == "No plans yet.\n")
    }

    @Test func `of names and values sets the values under each other`() {
        var page = Page()
        page.fields(["Plan": "basic", "Until": nil, "E-mail": "ana@example.com"])
        #expect(page.text == "Plan    basic\nE-mail  ana@example.com\n")
    }
}
