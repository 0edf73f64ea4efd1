import Testing

@testable import ThriveCart

@Suite struct `Reading a form as PHP does` {
    static var vectors: [[String: Any]] {
        get throws { try Fixtures.json("parse-str.json")["vectors"] as? [[String: Any]] ?? [] }
    }

    @Test func `all vectors made with PHP are there`() throws {
        #expect(try Self.vectors.count == 42)
    }

    @Test(arguments: 0..<42) func `a vector made with PHP parses to what PHP made of it`(index: Int) throws {
        let vectors = try Self.vectors
        let vector = try #require(vectors.indices.contains(index) ? vectors[index] : nil)
        let body = try #require(vector["body"] as? String)
        let expected = try #require(vector["expected"])
        #expect(Shape(try parse(body)) == Shape(json: expected), "\(vector["name"] ?? "")")
    }

    @Test func `odd bodies parse to what PHP made of them`() throws {
        let vectors = try Fixtures.json("parse-str-odd.json")["vectors"] as? [[String]] ?? []
        #expect(vectors.count == 240)
        for vector in vectors {
            var tree = PayloadTree(bytes(hex: vector[0]))
            _ = try FormParser.parse(&tree)
            #expect(described(tree.root) == vector[1], "\(vector[0])")
        }
    }

    @Test func `the order of the sender is kept`() throws {
        let root = try parse("b=1&a[y]=1&a[x]=2&b=3")
        #expect(root.members.map { String(decoding: $0.key, as: UTF8.self) } == ["b", "a"])
        #expect(root["a"]?.members.map { String(decoding: $0.key, as: UTF8.self) } == ["y", "x"])
    }

    @Test func `numbered fields are read as a list by ascending number`() throws {
        let root = try parse("p[1]=y&p[0]=x&p[10]=z&p[2]=w")
        #expect(root["p"]?.list.compactMap(\.text) == ["x", "y", "w", "z"])
    }

    @Test func `a huge index is one entry`() throws {
        let root = try parse("a[999999999]=1&a[9223372036854775807]=2&a[]=lost")
        #expect(root["a"]?.list.compactMap(\.text) == ["1", "2"])
    }

    @Test func `bytes that are not UTF-8 are kept and replaced only in text`() throws {
        let node = try #require(try parse("n=Zo%EB")["n"])
        #expect(node.bytes == [0x5A, 0x6F, 0xEB])
        #expect(node.text == "Zo\u{FFFD}")
        #expect(node.intactText == nil)
    }

    @Test func `a NUL is kept as a byte, left out of text, and ends a name`() throws {
        let root = try parse("a=x%00y&b%00c=1")
        #expect(root["a"]?.bytes == [0x78, 0, 0x79])
        #expect(root["a"]?.text == "xy")
        #expect(root["b"]?.text == "1")
    }

    @Test func `a thousand fields are read, one more is refused`() throws {
        let fields = (0..<1_000).map { "a\($0)=1" }.joined(separator: "&")
        #expect(try parse(fields).members.count == 1_000)
        #expect(throws: ThriveCartError.tooManyFields) { try parse(fields + "&b=1") }
    }

    @Test func `names nest 64 deep and no deeper`() throws {
        let deep = "a" + String(repeating: "[b]", count: 64)
        #expect(try parse(deep + "=1").members.count == 1)
        #expect(throws: ThriveCartError.tooDeep) { try parse(deep + "[b]=1") }
    }

    private func bytes(hex: String) -> [UInt8] {
        let digits = hex.utf8.compactMap(\.hexValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// In hex, maps as `{key:value,}` in their order.
    private func described(_ node: PayloadNode) -> String {
        if let bytes = node.bytes { return bytes.map(\.hexPair).joined() }
        return "{" + node.members.map { "\($0.key.map(\.hexPair).joined()):\(described($0.value))," }.joined() + "}"
    }

    private func parse(_ body: String) throws -> PayloadNode {
        var tree = PayloadTree(Array(body.utf8))
        _ = try FormParser.parse(&tree)
        return tree.root
    }
}
