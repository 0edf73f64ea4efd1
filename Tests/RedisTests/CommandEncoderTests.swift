import NIOCore
import Redis
import Testing

@Suite struct `Writing commands` {
    private func wire(_ words: [RedisArgument]) -> String {
        var buffer = ByteBuffer()
        buffer.writeCommand(words)
        return String(buffer: buffer)
    }

    @Test func `words are counted in bytes`() {
        #expect(wire(["GET", "k"]) == "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n")
        #expect(wire([.text("grün"), .bytes([])]) == "*2\r\n$5\r\ngrün\r\n$0\r\n\r\n")
    }

    @Test(arguments: [0, 9, 10, -1, -10, 12_345, Int.max, Int.min])
    func `numbers are written in full`(number: Int) {
        #expect(wire([.int(number)]) == "*1\r\n$\("\(number)".utf8.count)\r\n\(number)\r\n")
    }

    @Test func `line ends in a word are only bytes of it`() {
        let evil = "x\r\n$3\r\nFOO\r\n"
        #expect(wire(["SET", .text(evil)]) == "*2\r\n$3\r\nSET\r\n$\(evil.utf8.count)\r\n\(evil)\r\n")
    }

    @Test func `many words after one another keep their places`() throws {
        var buffer = ByteBuffer()
        let words = (0..<1000).map { RedisArgument.int($0) }
        buffer.writeCommand(["FIRST"])
        buffer.writeCommand(words)
        // A command is an array of strings, so our own reader can read it back.
        let reader = ReplyReader()
        try reader.feed(buffer)
        #expect(try reader.next() == .array([.bytes(Array("FIRST".utf8))]))
        #expect(try reader.next() == .array((0..<1000).map { .bytes(Array("\($0)".utf8)) }))
        #expect(try reader.next() == nil)
    }
}
