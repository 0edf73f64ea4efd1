import Redis
import Testing

@Suite struct `Taking an answer apart` {
    @Test func `numbers are numbers also as text`() {
        #expect(RedisValue.int(5).int == 5)
        #expect(RedisValue.bytes(Array("-5".utf8)).int == -5)
        #expect(RedisValue.bytes(Array("5x".utf8)).int == nil)
        #expect(RedisValue.null.int == nil)
    }

    @Test func `text must be UTF-8`() {
        #expect(RedisValue.bytes(Array("grün".utf8)).string == "grün")
        #expect(RedisValue.bytes([0xff]).string == nil)
        #expect(RedisValue.bytes([0xff]).bytes == [0xff])
        #expect(RedisValue.error("ERR").string == nil)
    }

    @Test func `pairs become a dictionary`() {
        let pairs = RedisValue.array([.bytes([97]), .int(1), .status("b"), .null])
        #expect(pairs.dictionary == ["a": .int(1), "b": .null])
        #expect(RedisValue.array([.int(1)]).dictionary == nil)
        #expect(RedisValue.array([]).dictionary == [:])
    }

    @Test func `a script is known by its SHA-1`() {
        #expect(RedisScript("return 1").sha1 == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
    }
}
