/// Spellings of addresses that lead behind our walls, and some that are none.
enum AddressCorpus {
    static let hosts4 = [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "100.64.0.1", "169.254.169.254", "172.16.0.1", "192.0.0.1",
        "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
    ]
    static let hosts6 = [
        "::", "::1", "fc00::1", "fd00:ec2::254", "fe80::1", "ff02::1", "100::1", "2001:db8::1", "3fff::1", "5f00::1",
        "fec0::1",
    ]
    static let ports = ["", ":80", ":443", ":6379", ":5432", ":8080"]

    static let all: [String] = {
        var urls: [String] = []
        for host in hosts4 {
            let bytes = host.split(separator: ".").compactMap { UInt32($0) }
            let number = bytes.reduce(0) { $0 << 8 | $1 }
            let hex = bytes.map { String($0, radix: 16) }
            let spellings = [
                host, host + ".", "\(number)", "0x" + String(number, radix: 16), "0" + String(number, radix: 8),
                bytes.map { "0" + String($0, radix: 8) }.joined(separator: "."),
                hex.map { "0x" + $0 }.joined(separator: "."), "\(bytes[0]).\(number & 0xFF_FFFF)",
                "[::ffff:\(host)]", "[::\(host)]", "[64:ff9b::\(host)]",
                "[2002:\(hex[0])\(pad(hex[1])):\(hex[2])\(pad(hex[3]))::1]",
                bytes.map { "%3\($0 % 10)" }.joined(separator: "."), "user@\(host)", "example.com:443@\(host)",
                "v4-\(host.replacing(".", with: "-")).canary.example",
            ]
            for spelling in spellings { urls += ["http://\(spelling)/", "https://\(spelling)/"] }
            urls += ports.map { "http://v4-\(host.replacing(".", with: "-")).canary.example\($0)/" }
        }
        for host in hosts6 {
            let name = "v6-\(host.replacing(":", with: "x")).canary.example"
            urls += ["http://[\(host)]/", "https://[\(host)]/", "http://[\(host)%25lo]/", "http://[\(host)]:6379/"]
            urls += ports.map { "http://\(name)\($0)/" } + ["https://\(name)/"]
        }
        for name in (0..<5).map({ "rebind\($0)" }) + ["mixed", "mixed4", "alias", "chain"] {
            urls += ports.map { "http://\(name).canary.example\($0)/" } + ["https://\(name).canary.example/"]
        }
        return urls + odd
    }()

    private static func pad(_ hex: String) -> String { hex.count == 1 ? "0" + hex : hex }

    private static let odd = [
        "http://localhost/", "http://localhost:6379/", "https://localhost/", "http://localhost./",
        "http://a.localhost/",
        "http://①②⑦.⓪.⓪.①/", "http://169。254。169。254/", "http://169.254.169.254\\@example.com/",
        "http://example.com\\.169.254.169.254/", "http://127.0.0.1:65616/", "http://127.0.0.1:71915/",
        "http://127.0.0.1:00080/", "http://127.0.0.1:4294967376/", "http://127.0.0.1#@example.com/",
        "http://127.0.0.1?@example.com/", "http://example.com:80:80@127.0.0.1/", "http:////127.0.0.1/",
        "http://127.0.0.1%00.example.com/", "http://127.0.0.1\u{9}/", "http://v4-127-0-0-1.canary.example/%0d%0aX:%201",
        "gopher://127.0.0.1:6379/_PING", "file:///etc/passwd", "ftp://127.0.0.1/", "dict://127.0.0.1:6379/",
        "//127.0.0.1/",
        "127.0.0.1", "javascript:alert(1)", "unix:///var/run/docker.sock", "HTTP://127.0.0.1/", " http://127.0.0.1/",
    ]
}
