import Foundation
import Outbound
import Testing

@Suite struct `Adding a member to somebody's JSON` {
    func add(_ text: String) throws -> String {
        String(decoding: try JSONSplice.add("x_thrive_order_id", "42", to: Array(text.utf8)), as: UTF8.self)
    }

    @Test(arguments: [
        (#"{}"#, #"{"x_thrive_order_id":"42"}"#),
        (#"{ }"#, #"{ "x_thrive_order_id":"42"}"#),
        (#"{"a":1.0}"#, #"{"a":1.0,"x_thrive_order_id":"42"}"#),
        (
            "{\"a\":1E2,\"b\":{\"x_thrive_order_id\":1}\n}\r\n",
            "{\"a\":1E2,\"b\":{\"x_thrive_order_id\":1}\n,\"x_thrive_order_id\":\"42\"}\r\n"
        ),
        (
            #"{"a":"}","b":"\\\"}","c":[{},[]],"d":-0.5e-7}"#,
            #"{"a":"}","b":"\\\"}","c":[{},[]],"d":-0.5e-7,"x_thrive_order_id":"42"}"#
        ),
        (
            #"{"é":"\u00e9","n":9223372036854775808}"#,
            #"{"é":"\u00e9","n":9223372036854775808,"x_thrive_order_id":"42"}"#
        ),
    ]) func `leaves every other byte alone`(before: String, after: String) throws {
        #expect(try add(before) == after)
    }

    @Test(arguments: [
        #"{"x_thrive_order_id":1}"#, #"{"a":1,"x_thrive\u005forder_id":null}"#, #"{"\u0078_thrive_order_id":[]}"#,
    ])
    func `a body that has the key already is refused, however it is spelled`(text: String) {
        #expect(throws: JSONSplice.Failure.keyExists) { try add(text) }
    }

    @Test(arguments: [
        "", " ", "[]", "1", "null", "{", "}", "{}{}", "{} x", "{,}", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{a:1}"#,
        #"{'a':1}"#,
        #"{"a":01}"#, #"{"a":+1}"#, #"{"a":1.}"#, #"{"a":.5}"#, #"{"a":1e}"#, #"{"a":tru}"#, #"{"a":"\x"}"#,
        #"{"a":"\u12"}"#,
        "{\"a\":\"\n\"}", "\u{FEFF}{}", #"{"a":NaN}"#,
        String(repeating: #"{"a":"#, count: 65) + "1" + String(repeating: "}", count: 65),
    ]) func `what is not one JSON object is refused`(text: String) {
        #expect(throws: JSONSplice.Failure.notAnObject) { try add(text) }
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        #expect(throws: JSONSplice.Failure.notAnObject) {
            try JSONSplice.add("k", "v", to: Array(#"{"a":""#.utf8) + [0xFF] + Array(#""}"#.utf8))
        }
    }

    @Test func `ten thousand generated bodies differ in nothing but the new member`() throws {
        var random = Seeded(state: 20_261_121)
        for _ in 0..<10_000 {
            let body = Self.object(depth: 0, random: &random)
            let spliced = try add(body)
            let member = #""x_thrive_order_id":"42""#
            let place = try #require(spliced.range(of: member, options: .backwards))
            var without = spliced
            without.removeSubrange(place)
            if without[without.startIndex..<place.lowerBound].last == "," {
                without.remove(at: without.index(before: place.lowerBound))
            }
            #expect(without == body)
        }
    }

    static func object(depth: Int, random: inout Seeded) -> String {
        let blanks = ["", " ", "\n  ", "\t"]
        let members = (0..<Int.random(in: 0...4, using: &random)).map { number in
            let blank = blanks.randomElement(using: &random)!
            return "\(blank)\(#""k\#(number)\u00e9\n""#)\(blank):\(blank)\(value(depth: depth + 1, random: &random))"
        }
        return "{" + members.joined(separator: ",") + "\(blanks.randomElement(using: &random)!)}"
    }

    static func value(depth: Int, random: inout Seeded) -> String {
        let atoms = [
            "1.0", "1E2", "-0", "9223372036854775808", "0.1e-7", "true", "false", "null", #""""#, #""a\/b\\\"}""#,
            #""\u0000\ud83d\ude00""#,
            #""héé 😀 {[""#, "123456789012345678901234567890",
        ]
        switch Int.random(in: 0..<(depth < 5 ? 5 : 3), using: &random) {
        case 3: return object(depth: depth, random: &random)
        case 4:
            let count = Int.random(in: 0...3, using: &random)
            return "[" + (0..<count).map { _ in value(depth: depth + 1, random: &random) }.joined(separator: " , ")
                + "]"
        default: return atoms.randomElement(using: &random)!
        }
    }

    struct Seeded: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 33)
        }
    }
}
