import Outbound
import Testing

@Suite struct `Addresses people type in` {
    @Test(arguments: [
        "https://shop.example.com/hooks", "https://shop.example.com", "https://shop.example.com:443/a?b=c&d=%20",
        "https://xn--bcher-kva.example/x", "https://SHOP.Example.com/Path", "https://a-b.c1.example/",
    ]) func `are taken`(text: String) throws {
        let url = try EndpointURL(text)
        #expect(url.text == text)
        #expect(url.host == url.host.lowercased())
        #expect(url.port == 443)
    }

    static let corpus: [(String, EndpointURL.Refusal)] = [
        ("http://shop.example.com/", .scheme), ("ftp://shop.example.com/", .scheme), ("gopher://a.example/", .scheme),
        ("file:///etc/passwd", .scheme), ("shop.example.com", .scheme), ("", .scheme), ("HTTPS://a.example/", .scheme),
        ("javascript:alert(1)", .scheme), ("https:/a.example/", .scheme),
        ("https://", .host), ("https:///path", .host), ("https://localhost/", .host), ("https://localhost./", .host),
        ("https://a.localhost/", .host), ("https://metadata.google.internal/", .host),
        ("https://printer.local/", .host),
        ("https://example.com./", .host), ("https://.example.com/", .host), ("https://a..example/", .host),
        ("https://-a.example/", .host), ("https://a_b.example/", .host), ("https://intranet/", .host),
        ("https://127.0.0.1/", .literal), ("https://169.254.169.254/latest/meta-data/", .literal),
        ("https://127.1/", .literal), ("https://0177.0.0.1/", .literal), ("https://0x7f.0.0.1/", .literal),
        ("https://1.2.3.0x4/", .literal), ("https://10.0.0.0xff/", .literal),
        ("https://2130706433/", .host), ("https://0x7f000001/", .host), ("https://0/", .host),
        ("https://[::1]/", .literal), ("https://[::ffff:127.0.0.1]/", .literal), ("https://[fe80::1%25lo]/", .literal),
        ("https://%31%32%37.0.0.1/", .host), ("https://a%00b.example/", .host), ("https://ex%61mple.com/", .host),
        ("https://user@shop.example.com/", .user), ("https://a:b@shop.example.com/", .user),
        ("https://shop.example.com:443@127.0.0.1:6379/", .user), ("https://shop.example.com@127.0.0.1/", .user),
        ("https://169.254.169.254\\@example.com/", .notASCII), ("https://example.com\\.evil.example/", .notASCII),
        ("https://①②⑦.⓪.⓪.①/", .notASCII), ("https://169。254。169。254/", .notASCII),
        ("https://bücher.example/", .notASCII), ("https://a.example/ b", .notASCII), (" https://a.example/", .notASCII),
        ("https://a.example/\r\nX-Evil: 1", .notASCII), ("https://a.example/\u{0}", .notASCII),
        ("https://a.example/#x", .fragment), ("https://a.example#@127.0.0.1/", .fragment),
        ("https://a.example:0/", .port), ("https://a.example:/", .port), ("https://a.example:80/", .port),
        ("https://a.example:6379/", .port), ("https://a.example:65616/", .port), ("https://a.example:71915/", .port),
        ("https://a.example:00443/", .port), ("https://a.example:4294967739/", .port),
        ("https://a.example:+443/", .port),
        ("https://a.example:443:443/", .port), ("https://a.example:-1/", .port),
        ("https://" + String(repeating: "a", count: 64) + ".example/", .host),
        ("https://a.example/" + String(repeating: "x", count: 2048), .tooLong),
    ]

    @Test(arguments: corpus) func `are refused with the reason`(text: String, reason: EndpointURL.Refusal) {
        #expect(throws: reason) { try EndpointURL(text) }
    }

    @Test func `on a developer's machine loopback and plain http are taken, other literals are not`() throws {
        let url = try EndpointURL("http://127.0.0.1:8090/shop", rules: .development)
        #expect(url.port == 8090 && !url.isSecure)
        // As the sandbox is called in compose.yaml, from a browser as well as from a container.
        #expect(try EndpointURL("http://shop.localhost:8090/hook", rules: .development).host == "shop.localhost")
        #expect(throws: EndpointURL.Refusal.host) { try EndpointURL("http://a..localhost/", rules: .development) }
        #expect(throws: EndpointURL.Refusal.host) { try EndpointURL("http://printer.local/", rules: .development) }
        #expect(throws: EndpointURL.Refusal.literal) {
            try EndpointURL("http://169.254.169.254/", rules: .development)
        }
    }

    @Test func `its description holds no path, which may be a token`() throws {
        #expect("\(try EndpointURL("https://a.example/hooks/t0ken?key=s3cret"))" == "https://a.example")
    }
}
