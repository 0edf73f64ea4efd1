import Domain
import Foundation
import Testing

@Suite struct `Adding a member to somebody's JSON` {
    func add(_ text: String) throws -> String {
        String(decoding: try JSONSplice.add("x_thrive_order_id", 42, to: Array(text.utf8)), as: UTF8.self)
    }

    @Test(arguments: [
        (#"{}"#, #"{"x_thrive_order_id":42}"#),
        (#"{ }"#, #"{ "x_thrive_order_id":42}"#),
        (#"{"a":1.0}"#, #"{"a":1.0,"x_thrive_order_id":42}"#),
        (
            "{\"a\":1E2,\"b\":{\"x_thrive_order_id\":1}\n}\r\n",
            "{\"a\":1E2,\"b\":{\"x_thrive_order_id\":1}\n,\"x_thrive_order_id\":42}\r\n"
        ),
        (
            #"{"a":"}","b":"\\\"}","c":[{},[]],"d":-0.5e-7}"#,
            #"{"a":"}","b":"\\\"}","c":[{},[]],"d":-0.5e-7,"x_thrive_order_id":42}"#
        ),
        (
            #"{"é":"\u00e9","n":9223372036854775808}"#,
            #"{"é":"\u00e9","n":9223372036854775808,"x_thrive_order_id":42}"#
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
            try JSONSplice.add("k", 1, to: Array(#"{"a":""#.utf8) + [0xFF] + Array(#""}"#.utf8))
        }
    }
}
