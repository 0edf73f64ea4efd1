import Domain
import Testing

@Suite struct `What a PayPal merchant is told` {
    let body = Array(
        #"{"id":"WH-1","resource":{"amount":{"value":"15.00"},"n":1.0,"e":1E2,"big":9223372036854775808}}"#.utf8
    )

    private func forward(
        _ body: [UInt8],
        order: Int64? = 1234,
        paypal: [String: String] = [:]
    ) throws -> Forward {
        try Forward(event: "WH-1", type: "PAYMENT.CAPTURE.COMPLETED", body: body, order: order, paypal: paypal)
    }

    @Test func `the order's id is spliced in and nothing else changes`() throws {
        #expect(try forward(body).body == body.dropLast() + Array(#","x_thrive_order_id":1234}"#.utf8))
        #expect(try forward(body, order: nil).body == body)
    }

    @Test func `PayPal's five headers are kept and no others`() throws {
        var paypal = Dictionary(uniqueKeysWithValues: Forward.passedHeaders.map { ($0.lowercased(), "v of \($0)") })
        paypal["host"] = "evil.example"
        #expect(try forward(body, paypal: paypal).paypalHeaders == Forward.passedHeaders.map { "v of \($0)" })
        #expect(try forward(body).paypalHeaders == [nil, nil, nil, nil, nil])
    }

    @Test(arguments: ["https://a\r\nX-Evil: 1", "", "é", String(repeating: "x", count: 2049)])
    func `a header that would break ours puts the event aside`(value: String) {
        #expect(throws: Forward.Quarantine.header("Paypal-Cert-Url")) {
            try forward(body, paypal: ["paypal-cert-url": value])
        }
    }

    @Test(arguments: ["x_thrive_order_id", #"x_thrive\u005forder_id"#], [1234, nil] as [Int64?])
    func `a body that has the key already is put aside, escaped or not`(name: String, order: Int64?) {
        #expect(throws: Forward.Quarantine.keyExists) {
            try forward(Array(#"{"\#(name)":"7"}"#.utf8), order: order)
        }
    }

    @Test(arguments: [1234, nil] as [Int64?]) func `what is no JSON object is put aside`(order: Int64?) {
        for text in ["[1]", "", "{", #"{"a":1}x"#] {
            #expect(throws: Forward.Quarantine.notAnObject) { try forward(Array(text.utf8), order: order) }
        }
    }

    @Test func `an event without a plain name is put aside`() {
        for (event, type) in [
            ("", "A.B"), ("WH-1", ""), ("WH\n1", "A.B"), ("WH-1", String(repeating: "A", count: 101)),
        ] {
            #expect(throws: Forward.Quarantine.name) { try Forward(event: event, type: type, body: body) }
        }
    }

    @Test func `ten thousand bodies differ in nothing but the spliced member`() throws {
        var random = Generator(state: 42)
        for _ in 0..<10_000 {
            let text = random.object(depth: 0)
            let body = Array(text.utf8)
            let sent = try forward(body, order: -7).body
            let member = Array(#""x_thrive_order_id":-7"#.utf8)
            let start = try #require(sent.indices.last { sent[$0...].starts(with: member) })
            var rest = sent
            rest.removeSubrange(start..<start + member.count)
            if rest[start - 1] == UInt8(ascii: ",") { rest.remove(at: start - 1) }
            #expect(rest == body)
        }
    }
}

/// Writes JSON as other programs do: odd numbers, escapes, blanks, keys in any order.
private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func pick(_ choices: [String]) -> String { choices[Int(next() % UInt64(choices.count))] }

    mutating func blank() -> String { pick(["", "", "", " ", "\n  ", "\t"]) }

    mutating func string() -> String {
        let parts = (0..<Int(next() % 4)).map { _ in
            pick([
                "a", "Zoë", #"\u00e9"#, #"\/"#, #"\""#, #"\\"#, "}", "{", ",", "漢", #"\ud83d\ude00"#, "x_thrive", "😀",
            ])
        }
        return "\"" + parts.joined() + "\""
    }

    mutating func object(depth: Int) -> String {
        let members = (0..<Int(next() % 5)).map { _ in
            blank() + string() + blank() + ":" + blank() + value(depth: depth + 1)
        }
        return "{" + members.joined(separator: blank() + ",") + blank() + "}" + (depth == 0 ? blank() : "")
    }

    mutating func value(depth: Int) -> String {
        switch next() % (depth > 4 ? 3 : 5) {
        case 0: pick(["1.0", "1E2", "9223372036854775808", "-0", "0.1e-7", "1e400", "123456789.000000001"])
        case 1: string()
        case 2: pick(["true", "false", "null"])
        case 3: object(depth: depth)
        default: "[" + (0..<Int(next() % 3)).map { _ in blank() + value(depth: depth + 1) }.joined(separator: ",") + "]"
        }
    }
}
