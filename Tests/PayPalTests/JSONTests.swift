import PayPal
import Testing

@Suite struct `JSON documents` {
    @Test(arguments: [
        #"{"b":1.0,"a":"x\"\\\u0001","n":null,"l":[true,false,-1E2]}"#, "[]", "{}", #""€""#, "0", #"{"a":{"b":[{}]}}"#,
    ])
    func `are written as they were read`(text: String) {
        #expect(JSON(parsing: text)?.text == text)
    }

    @Test(arguments: [
        "", "{", #"{"a":1,"a":2}"#, "01", "1.", "nul", #""\ud800""#, "[1,]", #"{"a":1} x"#, "\"\u{01}\"", "'a'",
        String(repeating: "[", count: 65) + String(repeating: "]", count: 65),
    ])
    func `are refused when they are none`(text: String) {
        #expect(JSON(parsing: text) == nil)
    }

    @Test func `are refused when they are no UTF-8`() {
        #expect(JSON(parsing: [0x22, 0xFF, 0x22]) == nil)
    }

    @Test func `are looked into without fear`() {
        let json: JSON = ["a": ["b": [["c": "x"], 2]]]
        #expect(json["a"]["b"][0]["c"].string == "x")
        #expect(json["a"]["b"][7]["c"].string == nil)
        #expect(json["z"]["b"].isNull)
        #expect(JSON(parsing: #"{"total_items":"12"}"#)?["total_items"].int == 12)
    }

    @Test func `escapes are understood`() {
        #expect(JSON(parsing: #""\u20ac\ud83d\ude00\/\n""#)?.string == "€😀/\n")
    }
}
