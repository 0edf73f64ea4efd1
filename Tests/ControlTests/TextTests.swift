import Testing

@testable import ControlCommands

@Suite struct `Text on the operator's screen` {
    @Test func `an escape sequence in a name never reaches the terminal`() {
        #expect(PlainText.shown("Ana\u{1B}[2J") == "Ana\u{FFFD}[2J")
        #expect(PlainText.shown("Ana\u{9B}2J\u{7F}") == "Ana\u{FFFD}2J\u{FFFD}")
    }

    @Test func `a name can't turn the reading direction`() {
        #expect(PlainText.shown("\u{202E}ana\u{2066}") == "\u{FFFD}ana\u{FFFD}")
    }

    @Test func `a block keeps its lines, a value does not`() {
        #expect(PlainText.shown("a\nb\tc\r", keepingLines: true) == "a\nb\tc\u{FFFD}")
        #expect(PlainText.shown("a\nb") == "a\u{FFFD}b")
    }

    @Test func `ordinary names of any script stay as they are`() {
        for name in ["Zoë O'Brien", "李小龙", "Åsa 👩‍👩‍👧", "עדה"] { #expect(PlainText.shown(name) == name) }
    }

    @Test(arguments: [
        ("ana+2@example.com", "ana+2@example.com"), ("$(reboot)@example.com", "'$(reboot)@example.com'"),
        ("o'neil;ls@example.com", "'o'\\''neil;ls@example.com'"), ("-rf@example.com", "'-rf@example.com'"),
    ]) func `what is shown to be copied into a shell is one word`(text: String, word: String) {
        #expect(text.shellWord == word)
    }

    @Test func `wide characters take two columns`() {
        #expect(PlainText.width("abc") == 3)
        #expect(PlainText.width("李小龙") == 6)
        #expect(PlainText.width("e\u{301}") == 1)
    }

    @Test func `what is too long is cut and says so`() {
        #expect(PlainText.cut("abcdef", to: 6) == "abcdef")
        #expect(PlainText.cut("abcdefg", to: 6) == "abcde…")
        #expect(PlainText.cut("李小龙", to: 4) == "李…")
        #expect(PlainText.cut("abc", to: 0) == "")
    }
}
