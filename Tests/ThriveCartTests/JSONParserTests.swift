import Testing

@testable import ThriveCart

@Suite struct `Reading JSON strictly` {
    @Test func `text, numbers, words, lists and objects become one tree`() throws {
        let root = try parse(
            #" {"a":"x","n":-12.5e+3,"t":true,"f":false,"z":null,"l":["p",{"q":[]}],"e":{}, "u":"\u00e9\ud83d\ude00\/\n"} "#
        )
        #expect(root["a"]?.text == "x")
        #expect(root["n"]?.text == "-12.5e+3")
        #expect(root["t"]?.text == "true")
        #expect(root["f"]?.text == "false")
        #expect(root["z"]?.isNull == true)
        #expect(root["z"]?.text == nil)
        #expect(root["l", "0"]?.text == "p")
        #expect(root["l", "1", "q"]?.isMap == true)
        #expect(root["e"]?.members.isEmpty == true)
        #expect(root["u"]?.text == "é😀/\n")
    }

    @Test func `an id of 18 digits and leading zeros survive`() throws {
        let root = try parse(#"{"customer_id":429583657898226838,"invoice_id":"000000141-6"}"#)
        #expect(root["customer_id"]?.identifier == "429583657898226838")
        #expect(root["invoice_id"]?.identifier == "000000141-6")
    }

    @Test(arguments: [
        "{", "{}x", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{'a':1}", "[1,]", "[1 2]", "{\"a\":01}", "{\"a\":.5}",
        "{\"a\":1.}", "{\"a\":1e}", "{\"a\":+1}", "{\"a\":-}", "{\"a\":tru}", "{\"a\":nul}", "{\"a\":NaN}",
        "{\"a\":\"x}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\\ud800\\u0041\"}", "{\"a\":\"\n\"}", "{\"a\":1}{\"b\":2}", "{\"a\":1/*c*/}", "{,}", "{\"a\":}",
        "[", "]", "{\"a\":\"\\", "{\"a\":\"\\u", "{\"a\":1",
    ]) func `what is not JSON is refused`(text: String) {
        #expect(throws: ThriveCartError.malformedJSON) { try parse(text) }
    }

    @Test(arguments: [
        #"{"a":1,"a":2}"#, #"{"a":{"b":1,"\u0062":1}}"#, #"{"thrivecart_secret":"x","thrivecart_secret":"y"}"#,
    ])
    func `a member named twice is refused`(text: String) {
        #expect(throws: ThriveCartError.duplicateMember) { try parse(text) }
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        #expect(throws: ThriveCartError.notUTF8) {
            try ThriveCartBody.parse(Array(#"{"a":""#.utf8) + [0xEB] + Array(#""}"#.utf8))
        }
    }

    @Test func `64 levels are read, one more is refused`() throws {
        let open = String(repeating: "[", count: 63)
        let close = String(repeating: "]", count: 63)
        #expect(try parse("{\"a\":\(open)1\(close)}").members.count == 1)
        #expect(throws: ThriveCartError.tooDeep) { try parse("{\"a\":[\(open)1\(close)]}") }
        #expect(throws: ThriveCartError.tooDeep) { try parse(String(repeating: "[", count: 500_000)) }
    }

    @Test func `too many values are refused`() {
        let list = "[" + String(repeating: "1,", count: 2_000) + "1]"
        #expect(throws: ThriveCartError.tooManyFields) { try parse(list) }
    }

    @Test func `a byte order mark is passed over`() throws {
        let payload = try ThriveCartBody.parse([0xEF, 0xBB, 0xBF] + Array(#"{"event":"order.success"}"#.utf8))
        #expect(payload.event == "order.success")
    }

    @discardableResult private func parse(_ text: String) throws -> PayloadNode {
        var tree = PayloadTree(Array(text.utf8))
        _ = try JSONParser.parse(&tree, from: 0)
        return tree.root
    }
}
