import Sealing
import Testing

@Suite struct `Digests and codes` {
    @Test func `the standard's own examples come out`() {
        // Source: FIPS 180-4 "abc"; RFC 4231 test case 2.
        #expect(
            Digest.hex(Digest.sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
        let code = Digest.hmacSHA256(Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
        #expect(Digest.hex(code) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test(arguments: [0, 1, 55, 56, 63, 64, 65, 1000, 70_000]) func `OpenSSL agrees`(length: Int) {
        let message = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let keys: [[UInt8]] = [[1], Array(0..<32), Array(0..<64), Array(0..<200)]
        #expect(Digest.sha256(message) == OpenSSL.sha256(message))
        for key in keys {
            let code = OpenSSL.hmacSHA256(message, key: key)
            #expect(Digest.hmacSHA256(message, key: key) == code)
            #expect(Digest.isHMACSHA256(code, of: message, key: key))
            #expect(!Digest.isHMACSHA256(Array(code.dropLast()), of: message, key: key))
            #expect(!Digest.isHMACSHA256([], of: message, key: key))
            #expect(!Digest.isHMACSHA256(code, of: message + [0], key: key))
        }
    }

    @Test func `hex goes both ways and refuses the rest`() {
        #expect(Digest.hex([0, 15, 16, 255]) == "000f10ff")
        #expect(Digest.bytes(hex: "000f10FF") == [0, 15, 16, 255])
        #expect(Digest.bytes(hex: "") == [])
        for wrong in ["0", "0g", "zz", "00 1", "é0"] {
            #expect(Digest.bytes(hex: wrong) == nil)
        }
    }
}

@Suite struct `Comparing secrets` {
    @Test func `only the same secret is equal`() {
        #expect(ConstantTime.equal("word", "word"))
        #expect(ConstantTime.equal([], []))
        for wrong in ["", "wor", "words", "Word", "w\u{F6}rd"] {
            #expect(!ConstantTime.equal("word", wrong))
        }
    }

    @Test func `a secret is found among many, wherever it stands`() {
        let secrets = (0..<50).map { "secret-\($0)" }
        let prepared = secrets.map { ConstantTime.Prepared($0) }
        for (index, secret) in secrets.enumerated() {
            #expect(ConstantTime.index(of: Array(secret.utf8), in: prepared) == index)
        }
        #expect(ConstantTime.index(of: Array("secret-50".utf8), in: prepared) == nil)
        #expect(ConstantTime.index(of: [], in: prepared) == nil)
        #expect(ConstantTime.index(of: Array("secret-1".utf8), in: []) == nil)
    }

    @Test func `a prepared secret does not hold the secret`() {
        var dumped = ""
        dump(ConstantTime.Prepared("word"), to: &dumped)
        #expect(!dumped.contains("word"))
    }
}

@Suite struct `Bearer tokens` {
    @Test func `a token is long, random and fit for a header`() throws {
        let tokens = (0..<1000).map { _ in BearerToken.random(prefix: "gh").text }
        #expect(Set(tokens).count == 1000)
        for token in tokens {
            #expect(token.wholeMatch(of: /gh_[A-Za-z0-9_-]{43}/) != nil)
        }
    }

    @Test func `its hash is what is found again`() throws {
        let token = BearerToken.random(prefix: "gh")
        #expect(token.hash == TokenHash(of: token.text))
        #expect(TokenHash(stored: token.hash.bytes) == token.hash)
        #expect(token.hash != TokenHash(of: token.text + "x"))
        #expect(TokenHash(stored: []) == nil)
        #expect(token.hash.bytes == OpenSSL.sha256(Array(token.text.utf8)))
    }

    @Test func `a token does not show when it is printed`() throws {
        let token = BearerToken.random(prefix: "gh")
        #expect(!"\(token) \(String(reflecting: token))".contains(token.text))
    }
}
