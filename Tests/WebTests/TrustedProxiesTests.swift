import Addresses
import HTTPTypes
import Testing
import Web

@Suite struct `Who sent a request` {
    let proxies = try! TrustedProxies(parsing: "loopback, 10.0.0.0/8")

    func client(from peer: String, _ headers: [(String, String)]) throws -> String {
        var fields = HTTPFields()
        for (name, value) in headers {
            fields.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value))
        }
        return proxies.client(connectedFrom: try #require(IPAddress(peer)), fields).description
    }

    @Test(arguments: [
        ("192.0.2.1:4711", "192.0.2.1"), ("[2001:db8::1]:4711", "2001:db8::1"), ("[::1]", "::1"),
        (" 192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"),
    ]) func `a hop may have a port`(text: String, address: String) {
        #expect(IPAddress(hop: text)?.description == address)
    }

    @Test(arguments: ["[::1", "[::1]x", "1.2.3.4:", "1.2.3.4:99999", "unknown", "_hidden", ""])
    func `what is no hop is none`(text: String) {
        #expect(IPAddress(hop: text) == nil)
    }

    @Test func `whoever connects directly is the client, whatever it says`() throws {
        let lies = [("X-Forwarded-For", "192.0.2.66"), ("Forwarded", "for=192.0.2.66")]
        #expect(try client(from: "203.0.113.9", lies) == "203.0.113.9")
        #expect(
            TrustedProxies.none.client(connectedFrom: try #require(IPAddress("127.0.0.1")), [:]).description
                == "127.0.0.1"
        )
    }

    @Test(arguments: [
        ("203.0.113.9", "203.0.113.9"),
        ("192.0.2.66, 203.0.113.9", "203.0.113.9"),
        ("192.0.2.66,203.0.113.9, 10.0.0.7", "203.0.113.9"),
        ("127.0.0.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.8, 10.0.0.7", "10.0.0.8"),
        ("203.0.113.9:50000", "203.0.113.9"),
        ("192.0.2.66, garbage, 10.0.0.7", "10.0.0.7"),
        ("192.0.2.66, garbage", "127.0.0.1"),
        ("192.0.2.66, ", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("2001:db8::9", "2001:db8::9"),
    ]) func `the nearest hop that is not ours is the client`(forwardedFor: String, client: String) throws {
        #expect(try self.client(from: "127.0.0.1", [("X-Forwarded-For", forwardedFor)]) == client)
    }

    @Test func `several header lines are one list`() throws {
        let lines = [("X-Forwarded-For", "192.0.2.66"), ("X-Forwarded-For", "203.0.113.9, 10.0.0.7")]
        #expect(try client(from: "127.0.0.1", lines) == "203.0.113.9")
    }

    @Test(arguments: [
        ("for=203.0.113.9;proto=https", "203.0.113.9"),
        (#"for=192.0.2.66, proto=https;For="[2001:db8::9]:4711";by=10.0.0.1"#, "2001:db8::9"),
        ("for=192.0.2.66, for=_hidden", "127.0.0.1"),
        ("for=192.0.2.66, proto=https", "127.0.0.1"),
        (#"for=""#, "127.0.0.1"),
    ]) func `Forwarded counts where there is no X-Forwarded-For`(forwarded: String, client: String) throws {
        #expect(try self.client(from: "127.0.0.1", [("Forwarded", forwarded)]) == client)
        let both = [("Forwarded", forwarded), ("X-Forwarded-For", "198.51.100.1")]
        #expect(try self.client(from: "127.0.0.1", both) == "198.51.100.1")
    }

    @Test func `an entry that is no network is named`() throws {
        #expect(throws: TrustedProxies.NotANetwork(entry: "10.0.0.0/99")) {
            try TrustedProxies(parsing: "private, 10.0.0.0/99")
        }
        #expect(try TrustedProxies(parsing: " ") == .none)
        #expect(try TrustedProxies(parsing: "private").trusts(try #require(IPAddress("172.31.0.1"))))
    }
}
