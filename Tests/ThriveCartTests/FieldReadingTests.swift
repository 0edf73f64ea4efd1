import Foundation
import Testing

@testable import ThriveCart

@Suite struct `Reading single fields` {
    @Test(arguments: [
        ("1790000000", 1_790_000_000), (" 1790000000 ", 1_790_000_000), ("2026-09-21 14:13:20", 1_790_000_000),
        ("2026-09-21T14:13:20+00:00", 1_790_000_000), ("2026-09-21T14:13:20Z", 1_790_000_000),
        ("2026-09-21T16:13:20+02:00", 1_790_000_000), ("2026-09-21T08:43:20.123-0530", 1_790_000_000),
        ("2026-09-21", 1_789_948_800), ("2018-10-15 10:04:38", 1_539_597_878), ("2024-02-29 00:00:00", 1_709_164_800),
        ("2000-03-01", 951_868_800), ("253402300799", 253_402_300_799),
    ]) func `a moment is read in every form that ThriveCart writes`(text: String, seconds: Int) throws {
        #expect(try node(text).time == Date(timeIntervalSince1970: TimeInterval(seconds)))
    }

    @Test(arguments: [
        "", "null", "false", "0", "-1", "1790000000000", "999999999999999999999", "soon", "2026-13-01", "2026-02-30",
        "2025-02-29", "2026-09-21 24:00:00", "2026-09-21 14:13", "2026-09-21 14:13:20 UTC", "2026-09-21T14:13:20+",
        "2026-09-21T14:13:20+0", "21.09.2026", "1790000000.5", "1e9", "2026-9-21", "2026-00-10", "٢٠٢٦-٠٩-٢١",
    ]) func `what is no moment is none`(text: String) throws {
        #expect(try node(text).time == nil)
    }

    @Test(
        arguments: [
            ("5900", 5_900), ("0", 0), ("-100", -100), (" 5900 ", 5_900), ("9223372036854775807", .max), ("", nil),
            ("null", nil), ("false", nil), ("59.00", nil), ("5,900", nil), ("5900.0", nil), ("1e3", nil),
            ("9223372036854775808", nil), ("٥٩", nil), ("0x10", nil), ("99999999999999999999999999", nil),
        ] as [(String, Int64?)]
    ) func `an amount is a whole number of hundredths or nothing`(text: String, amount: Int64?) throws {
        #expect(try node(text).hundredths == amount)
    }

    @Test(
        arguments: [
            ("7", "7"), (" 000000141-6 ", "000000141-6"), ("null", nil), ("NULL", nil), ("false", nil), ("", nil),
            (" ", nil), ("0", nil), ("000", nil), ("10", "10"),
            ("a\u{7}b", nil), (String(repeating: "9", count: 101), nil), ("sub_é", "sub_é"),
        ] as [(String, String?)]
    ) func `an id is short printable text`(text: String, id: String?) throws {
        #expect(try node(text).identifier == id)
    }

    @Test(arguments: [("3", 3), ("0", 0), ("null", nil), ("-1", nil), ("9999999999", nil)] as [(String, Int?)])
    func `a count is small and not negative`(text: String, count: Int?) throws {
        #expect(try node(text).count == count)
    }

    @Test func `JSON's numbers and nulls read like their text`() throws {
        let root = try ThriveCartBody.parse(Array(#"{"a":5900,"b":null,"c":1790000000,"d":2,"e":[]}"#.utf8)).root
        #expect(root["a"]?.hundredths == 5_900)
        #expect(root["b"]?.value == nil)
        #expect(root["c"]?.time == Date(timeIntervalSince1970: 1_790_000_000))
        #expect(root["d"]?.count == 2)
        #expect(root["e"]?.value == nil)
    }

    @Test(
        arguments: [
            ("O&#039;Neil", "O'Neil"), ("Tips &amp; Tricks", "Tips & Tricks"), ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
            ("&lt;b&gt; &quot;x&quot; &apos;y&apos;", "<b> \"x\" 'y'"), ("&#x27;&#xE9;&#233;", "'éé"),
            ("&nbsp;a&nbsp;b", "a b"),
            ("a & b &; &bogus; &#; &#x; &#xD800; &#9; &", "a & b &; &bogus; &#; &#x; &#xD800; &#9; &"),
            (" \t a \r\n b\u{7} ", "a b"), ("", nil), ("  ", nil), ("\u{1}\u{2}", nil), ("Null", "Null"), ("李", "李"),
        ] as [(String, String?)]
    ) func `text for people is decoded once and put on one line`(text: String, shown: String?) {
        #expect(text.displayed() == shown)
    }

    @Test func `text for people is cut at its limit`() {
        #expect(String(repeating: "é", count: 5_000).displayed() == String(repeating: "é", count: 200))
        #expect(("a" + String(repeating: "\u{301}", count: 1 << 19)).displayed()?.unicodeScalars.count == 200)
        #expect(String(repeating: " ", count: 1 << 19).displayed() == nil)
    }

    private func node(_ text: String) throws -> PayloadNode {
        var bytes = Array("v=".utf8)
        for byte in text.utf8 { bytes += Array("%\(byte.hexPair)".utf8) }
        return try #require(try ThriveCartBody.parse(bytes).root["v"])
    }
}
