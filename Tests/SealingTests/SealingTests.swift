import Foundation
import Sealing
import Testing

@Suite struct `Sealing what is kept` {
    let key = [UInt8](0..<32)
    var keys: String { "k1:" + Data(key).base64EncodedString() }

    @Test(arguments: [0, 1, 15, 16, 17, 4096]) func `what was sealed opens at its place`(length: Int) throws {
        let sealer = Sealer(try SealingKeys(parsing: keys))
        let plain = [UInt8](repeating: 0xA5, count: length)
        let sealed = try sealer.seal(plain, for: "sites.secret/7")
        #expect(try sealer.open(sealed, for: "sites.secret/7") == plain)
    }

    @Test func `text comes back as text`() throws {
        let sealer = Sealer(try SealingKeys(parsing: keys))
        let sealed = try sealer.seal("ключ 🔑", for: "place")
        #expect(try sealer.openText(sealed, for: "place") == "ключ 🔑")

        let binary = try sealer.seal([0xFF, 0xFE], for: "place")
        #expect(throws: SealingError.notText) { try sealer.openText(binary, for: "place") }
    }

    @Test func `the same text is never sealed to the same bytes`() throws {
        let sealer = Sealer(try SealingKeys(parsing: keys))
        let sealed = try (0..<1000).map { _ in try sealer.seal("same", for: "place") }
        #expect(Set(sealed).count == 1000)
    }

    @Test func `nothing of the plain text shows`() throws {
        let sealed = try Sealer(try SealingKeys(parsing: keys)).seal("a secret word", for: "place")
        #expect(!String(decoding: sealed, as: UTF8.self).contains("secret"))
    }

    @Test func `bytes moved to another place do not open`() throws {
        let sealer = Sealer(try SealingKeys(parsing: keys))
        let sealed = try sealer.seal("secret", for: "sites.secret/7")
        #expect(throws: SealingError.forged) { try sealer.open(sealed, for: "sites.secret/8") }
        #expect(throws: SealingError.forged) { try sealer.open(sealed, for: "") }
    }

    @Test func `no changed byte and no shorter text opens`() throws {
        let sealer = Sealer(try SealingKeys(parsing: keys))
        let sealed = try sealer.seal("secret", for: "place")
        for index in sealed.indices {
            for bit in 0..<8 {
                var changed = sealed
                changed[index] ^= 1 << bit
                #expect(throws: SealingError.self) { try sealer.open(changed, for: "place") }
            }
            #expect(throws: SealingError.self) { try sealer.open(Array(sealed[..<index]), for: "place") }
        }
        #expect(throws: SealingError.forged) { try sealer.open(sealed + [0], for: "place") }
        #expect(throws: SealingError.notSealed) { try sealer.open(Array("plain".utf8), for: "place") }
    }

    @Test func `OpenSSL opens what we seal`() throws {
        let sealed = try Sealer(try SealingKeys(parsing: keys)).seal("a second opinion", for: "place")
        let header = Array("GS\u{1}\u{2}k1".utf8)
        #expect(Array(sealed.prefix(header.count)) == header)

        let body = sealed.dropFirst(header.count)
        let opened = OpenSSL.open(
            Array(body.dropFirst(12).dropLast(16)),
            key: key,
            nonce: Array(body.prefix(12)),
            tag: Array(body.suffix(16)),
            authenticating: header + Array("place".utf8)
        )
        #expect(opened == Array("a second opinion".utf8))
    }
}

@Suite struct `Changing keys` {
    let first = SealingKeys.newEntry(id: "k1")
    let second = SealingKeys.newEntry(id: "k2")

    @Test func `the first key seals and every key opens`() throws {
        let old = Sealer(try SealingKeys(parsing: first))
        let both = Sealer(try SealingKeys(parsing: second + "," + first))
        let new = Sealer(try SealingKeys(parsing: second))

        let sealed = try old.seal("secret", for: "place")
        #expect(try both.openText(sealed, for: "place") == "secret")
        #expect(!both.isSealedWithCurrentKey(sealed))
        #expect(throws: SealingError.unknownKey(id: "k1")) { try new.open(sealed, for: "place") }

        let again = try both.seal("secret", for: "place")
        #expect(both.isSealedWithCurrentKey(again))
        #expect(try new.openText(again, for: "place") == "secret")
        #expect(!both.isSealedWithCurrentKey(Array("plain".utf8)))
    }

    @Test func `an id that now names another key opens nothing`() throws {
        let sealed = try Sealer(try SealingKeys(parsing: first)).seal("secret", for: "place")
        let impostor = Sealer(try SealingKeys(parsing: SealingKeys.newEntry(id: "k1")))
        #expect(throws: SealingError.forged) { try impostor.open(sealed, for: "place") }
    }

    @Test func `blanks and line ends around entries do not matter`() throws {
        #expect(try SealingKeys(parsing: " \(second) ,\n\(first)\r\n").ids == ["k2", "k1"])
    }

    @Test(arguments: [
        ("", SealingError.noKeys),
        (" , ", .noKeys),
        ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", .malformedEntry(position: 1)),
        ("k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,", .malformedEntry(position: 2)),
        ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=:k1", .badKeyID(position: 1)),
        (":AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", .badKeyID(position: 1)),
        ("K1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", .badKeyID(position: 1)),
        ("k1:!!!", .notBase64(keyID: "k1")),
        ("k1:AAECAw==", .wrongKeyLength(keyID: "k1", bytes: 4)),
        ("k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", .notRandom(keyID: "k1")),
        (
            "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,k1:AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            .repeatedKeyID("k1")
        ),
        (
            "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,k2:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            .repeatedKey("k1", "k2")
        ),
    ]) func `a list that can not be used says why and shows no key`(list: String, why: SealingError) throws {
        let error = try #require(throws: SealingError.self) { try SealingKeys(parsing: list) }
        #expect(error == why)
        #expect(!"\(error) \(String(reflecting: error))".contains("AAEC"))
    }

    @Test func `keys do not show when they are printed`() throws {
        let keys = try SealingKeys(parsing: first)
        let secret = try #require(first.split(separator: ":").last)
        var dumped = ""
        dump(keys, to: &dumped)
        dump(Sealer(keys), to: &dumped)
        let shown = "\(keys) \(String(reflecting: keys)) \(Sealer(keys)) \(String(reflecting: Sealer(keys))) \(dumped)"
        #expect(shown.contains("k1"))
        #expect(!shown.contains(secret))
    }
}
