import Foundation
import Testing

@testable import ControlCommands

@Suite struct `Times and spans` {
    private let now = Date(timeIntervalSince1970: 1_790_000_000)

    @Test func `are written in UTC by ISO 8601`() {
        #expect(Moment.text(now) == "2026-09-21T14:13:20Z")
    }

    @Test func `are read as a moment, a day or an age`() {
        #expect(Moment.parse("2026-09-21T14:13:20Z", now: now) == now)
        #expect(Moment.parse("2026-09-21", now: now).map(Moment.text) == "2026-09-21T00:00:00Z")
        #expect(Moment.parse("2h", now: now) == now.addingTimeInterval(-7200))
        #expect(Moment.parse("7d", now: now) == now.addingTimeInterval(-7 * 86_400))
    }

    @Test(arguments: ["yesterday", "", "-1h", "99999d", "2026-13-01", "h", "1 h"])
    func `anything else is refused`(text: String) {
        #expect(Moment.parse(text, now: now) == nil)
    }

    @Test func `spans are short to read`() {
        #expect(Span.text(.milliseconds(340)) == "340 ms")
        #expect(Span.text(.milliseconds(2130)) == "2.1 s")
        #expect(Span.text(.seconds(190)) == "3 m 10 s")
        #expect(Span.text(.seconds(18_200)) == "5 h 3 m")
        #expect(Span.text(.seconds(200_000)) == "2 d 7 h")
    }
}

@Suite struct `Progress and documents` {
    @Test func `a bar shows how much is done`() {
        #expect(
            ProgressLine.line("re-sealing", 300, 500, width: 80) == "re-sealing  [############--------]  60 %  300/500"
        )
        #expect(ProgressLine.line("re-sealing", 0, 0, width: 80).contains("100 %"))
        #expect(PlainText.width(ProgressLine.line("re-sealing", 1, 2, width: 20)) < 20)
    }

    @Test func `a document has snake case names, UTC times and no empty fields`() throws {
        struct Example: Encodable {
            var accessUntil = Date(timeIntervalSince1970: 1_790_000_000)
            var none: String?
            var url = "http://a/b"
        }
        #expect(
            try JSONDocument.text(Example()) == """
                {
                  "access_until" : "2026-09-21T14:13:20Z",
                  "url" : "http://a/b"
                }
                """
        )
    }

    @Test func `a failure tells scripts its code and its cure`() throws {
        let failure = CommandProblem.unavailable("Postgres does not answer", fix: "start it")
        #expect(
            try JSONDocument.text(failure) == """
                {
                  "error" : {
                    "code" : "unavailable",
                    "exit_status" : 69,
                    "fix" : "start it",
                    "message" : "Postgres does not answer"
                  }
                }
                """
        )
    }
}
