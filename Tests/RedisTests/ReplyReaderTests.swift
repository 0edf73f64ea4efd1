import NIOCore
import Testing

@testable import Redis

@Suite struct `Reading answers` {
    static let answers: [(wire: String, value: RedisValue)] = [
        ("+OK\r\n", .status("OK")),
        ("+\r\n", .status("")),
        ("-ERR no\r\n", .error("ERR no")),
        (":0\r\n", .int(0)),
        (":-9223372036854775808\r\n", .int(.min)),
        (":9223372036854775807\r\n", .int(.max)),
        ("$-1\r\n", .null),
        ("*-1\r\n", .null),
        ("$0\r\n\r\n", .bytes([])),
        ("$5\r\na\r\nbc\r\n", .bytes(Array("a\r\nbc".utf8))),
        ("*0\r\n", .array([])),
        ("*2\r\n*0\r\n*0\r\n", .array([.array([]), .array([])])),
        (
            "*4\r\n:1\r\n*2\r\n+a\r\n$-1\r\n-NO way\r\n$1\r\nz\r\n",
            .array([.int(1), .array([.status("a"), .null]), .error("NO way"), .bytes([122])])
        ),
        ("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:7\r\n", nested(6)),
    ]

    private static func nested(_ depth: Int) -> RedisValue {
        (0..<depth).reduce(.int(7)) { value, _ in .array([value]) }
    }

    @Test func `all at once come out one by one`() throws {
        let reader = ReplyReader()
        try reader.feed(ByteBuffer(string: Self.answers.map(\.wire).joined()))
        for answer in Self.answers { #expect(try reader.next() == answer.value) }
        #expect(try reader.next() == nil)
    }

    @Test func `byte by byte they are the same`() throws {
        let reader = ReplyReader()
        for answer in Self.answers {
            for byte in answer.wire.utf8.dropLast() {
                try reader.feed(ByteBuffer(bytes: [byte]))
                #expect(try reader.next() == nil)
            }
            try reader.feed(ByteBuffer(bytes: [10]))
            #expect(try reader.next() == answer.value)
        }
    }

    @Test func `cut at any place they are the same`() throws {
        let wire = Array(Self.answers.map(\.wire).joined().utf8)
        for cut in 0...wire.count {
            let reader = ReplyReader()
            var values: [RedisValue] = []
            for part in [wire[..<cut], wire[cut...]] {
                try reader.feed(ByteBuffer(bytes: part))
                while let value = try reader.next() { values.append(value) }
            }
            #expect(values == Self.answers.map(\.value))
        }
    }

    @Test func `all bytes pass unchanged`() throws {
        let bytes = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let reader = ReplyReader()
        try reader.feed(ByteBuffer(string: "$\(bytes.count)\r\n"))
        try reader.feed(ByteBuffer(bytes: bytes))
        #expect(try reader.next() == nil)
        try reader.feed(ByteBuffer(string: "\r\n"))
        #expect(try reader.next() == .bytes(bytes))
    }

    @Test(arguments: [
        "HTTP/1.1 400 Bad Request\r\n", "?\r\n", "\r\n", ":12a\r\n", "$x\r\n", "$-2\r\n", "*-2\r\n", "*9999999999\r\n",
        String(repeating: "*1\r\n", count: 100) + ":1\r\n", ",1.5\r\n", "#t\r\n", "%1\r\n+a\r\n+b\r\n",
    ])
    func `what is no RESP2 is refused`(wire: String) throws {
        let reader = ReplyReader()
        try reader.feed(ByteBuffer(string: wire))
        let error = #expect(throws: RedisError.self) {
            while try reader.next() != nil {}
        }
        guard case .protocolBroken = error else {
            Issue.record("\(wire) gave \(String(describing: error))")
            return
        }
    }

    @Test func `a huge announced array takes no memory before it comes`() throws {
        let reader = ReplyReader()
        try reader.feed(ByteBuffer(string: "*2147483647\r\n:1\r\n"))
        #expect(try reader.next() == nil)
    }

    @Test func `a reader may be dropped in the middle`() throws {
        let reader = ReplyReader()
        try reader.feed(ByteBuffer(string: "*3\r\n$3\r\nabc\r\n*2\r\n:1\r\n$100\r\nx"))
        #expect(try reader.next() == nil)
    }

    @Test func `a reader that hiredis has no memory for refuses the first bytes`() throws {
        let reader = ReplyReader(making: { _ in nil })
        #expect(try reader.next() == nil)
        let error = #expect(throws: RedisError.self) { try reader.feed(ByteBuffer(string: "+PONG\r\n")) }
        #expect(error == .connect("no memory for reading its answers"))
        #expect(error?.isTransient == true)
    }
}
