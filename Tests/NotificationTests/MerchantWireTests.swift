import Foundation
import NotificationJobs
import Sealing
import Testing

@Suite struct `Telling a PayPal merchant` {
    let secret = Array("whsec-of-the-merchant".utf8)
    let body = Array(
        #"{"id":"WH-1","resource":{"amount":{"value":"15.00"},"n":1.0,"e":1E2,"big":9223372036854775808}}"#.utf8
    )

    private func forward(
        _ body: [UInt8],
        order: String? = "1234",
        paypal: [String: String] = [:],
        simulated: Bool = false
    ) throws -> MerchantWire.Forward {
        try MerchantWire.forward(
            body,
            order: order,
            to: "HF5SN9RKCTNJ2",
            paypal: paypal,
            debugID: "1f4c9a2e",
            isSimulated: simulated,
            secret: secret
        )
    }

    @Test func `the order's id is spliced in and nothing else changes`() throws {
        let sent = try forward(body).body
        #expect(sent == body.dropLast() + Array(#","x_thrive_order_id":"1234"}"#.utf8))
        #expect(try forward(body, order: nil).body == body)
    }

    @Test func `the signature is over the bytes that are sent`() throws {
        let sent = try forward(body)
        let headers = Dictionary(uniqueKeysWithValues: sent.headers.map { ($0.name, $0.value) })
        #expect(headers["X-Thrive-Webhook-Signature"] == Digest.hex(Digest.hmacSHA256(sent.body, key: secret)))
        #expect(headers["X-Thrive-Webhook-Algorithm"] == "HMAC-SHA256")
        #expect(headers["X-Thrive-Forwarded-Merchant"] == "HF5SN9RKCTNJ2")
        #expect(headers["X-Thrive-Forwarded-By"] == "thrive-themes-api")
        #expect(headers["X-Thrive-Debug-Id"] == "1f4c9a2e")
        #expect(headers["X-Thrive-Webhook-Simulated"] == nil)
        let simulated = try forward(body, simulated: true).headers
        #expect(simulated.contains { $0.name == "X-Thrive-Webhook-Simulated" && $0.value == "true" })
    }

    @Test func `PayPal's five headers pass through and no others`() throws {
        var paypal = Dictionary(uniqueKeysWithValues: MerchantWire.passed.map { ($0.lowercased(), "v of \($0)") })
        paypal["host"] = "evil.example"
        let names = try forward(body, paypal: paypal).headers.map(\.name).filter {
            $0.hasPrefix("Paypal-") || $0 == "host"
        }
        #expect(names == MerchantWire.passed)
    }

    @Test func `a header that would break ours puts the event aside`() {
        #expect(throws: MerchantWire.Quarantine.header("Paypal-Cert-Url")) {
            try forward(body, paypal: ["paypal-cert-url": "https://a\r\nX-Evil: 1"])
        }
    }

    @Test func `a body that has the key already is put aside, escaped or not`() {
        for name in ["x_thrive_order_id", #"x_thrive\u005forder_id"#] {
            #expect(throws: MerchantWire.Quarantine.keyExists) {
                try forward(Array(#"{"\#(name)":"7"}"#.utf8))
            }
        }
        #expect(throws: MerchantWire.Quarantine.notAnObject) { try forward(Array("[1]".utf8)) }
    }

    @Test func `ten thousand bodies differ in nothing but the spliced member`() throws {
        var random = Generator(state: 42)
        for _ in 0..<10_000 {
            let text = random.object(depth: 0)
            let body = Array(text.utf8)
            let sent = try forward(body, order: "o-1").body
            let member = Array(#""x_thrive_order_id":"o-1""#.utf8)
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
