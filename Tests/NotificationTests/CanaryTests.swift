import Domain
import Foundation
import Postgres
import Store
import TestKit
import Testing

/// The real sender, in a network of its own where every forbidden address answers and counts who comes.
///
/// Addresses get into the tables as if no form had looked at them, so what is proved is the last wall, for each field that
/// takes one: an endpoint's and a merchant's. `EndpointURLTests` and the forms' own tests prove the walls before it.
@Suite(.serialized) struct `Addresses that lead behind our walls` {
    @Test func `nobody is called, whatever the address looks like and whatever its name says`() async throws {
        guard let network = try await CanaryNetwork.make() else {
            return print(
                "canary: skipped, for this machine lets us make no network (unshare -n) or has no python3 or ip"
            )
        }
        let site = try await TestSite()
        let corpus = AddressCorpus.all
        #expect(corpus.count >= 400)
        let (wellFormed, refused) = (
            corpus.filter { $0.hasPrefix("http://") || $0.hasPrefix("https://") },
            corpus.filter { !$0.hasPrefix("http://") && !$0.hasPrefix("https://") }
        )
        for url in refused {
            await #expect(throws: PostgresError.self, "\(url)") { try await site.endpoint(url) }
        }
        for url in wellFormed { try await site.endpoint(url) }
        try await site.stage()
        let event = try Forward(event: "WH-1", type: "PAYMENT.CAPTURE.COMPLETED", body: Array("{}".utf8))
        for (number, url) in wellFormed.enumerated() {
            let shop = try await site.merchant(webhooks: url, of: "M\(number)")
            try await site.store.transaction { _ = try $0.stageForward(event, to: shop.id, at: Date()) }
        }

        // Without OUTBOUND_ALLOW, and with the rules that let the most through to the address itself.
        let notifications = try await NotificationsProcess(
            site,
            settings: ["OUTBOUND_ALLOW": "", "OUTBOUND_PLAIN": "true", "LOG_LEVEL": "error"],
            within: network.words
        )
        let process = try notifications.start()
        try await eventually(within: .seconds(120)) {
            let tried = try await site.count("SELECT count(*) FROM deliveries WHERE attempts > 0")
            return tried >= 2 * wellFormed.count
        }
        await process.kill()

        let answered = try await site.count("SELECT count(*) FROM delivery_attempts WHERE status IS NOT NULL")
        #expect(answered == 0)
        let report = try network.report()
        #expect(report.strangers == [], "somebody was called")
        // They do count: the network called each of them once itself.
        #expect(report.listeners > 10)
        #expect(report.ownCalls == report.listeners)
        // And the names were asked for: those that change, that are mixed, that point to others.
        for name in ["rebind0", "mixed", "alias"] { #expect(report.asked.contains("\(name).canary.example")) }
        print(
            "canary: \(corpus.count) addresses in 2 fields, \(report.listeners) canaries, \(report.strangers.count) connects"
        )
    }
}

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

/// A network namespace with a canary at each forbidden address, and a name server that lies.
struct CanaryNetwork {
    /// What to put in front of a command so that it runs inside.
    let words: [String]
    private let folder: String

    struct Report {
        var listeners = 0
        var ownCalls = 0
        var strangers: [String] = []
        var asked: Set<String> = []
    }

    /// Nil where the machine allows none.
    static func make() async throws -> CanaryNetwork? {
        // Because what is missing is the reason to skip.
        guard (try? await run("unshare", ["-n", "-m", "sh", "-c", "ip link set lo up && python3 -c ''"])) != nil else {
            return nil
        }
        let folder = try TestDirectory.make("canary")
        try Data(script.utf8).write(to: URL(filePath: folder + "/canary.py"))
        try Data("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n".utf8)
            .write(to: URL(filePath: folder + "/resolv.conf"))
        try Data("127.0.0.1 localhost\n".utf8).write(to: URL(filePath: folder + "/hosts"))
        let enter = """
            ip link set lo up
            mount --bind "$0/resolv.conf" /etc/resolv.conf
            mount --bind "$0/hosts" /etc/hosts
            python3 "$0/canary.py" "$0" &
            while [ ! -e "$0/ready" ]; do sleep 0.05; done
            exec "$@"
            """
        return CanaryNetwork(words: ["unshare", "-n", "-m", "sh", "-ec", enter, folder], folder: folder)
    }

    func report() throws -> Report {
        let text = try String(contentsOfFile: folder + "/log", encoding: .utf8)
        var report = Report()
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
            switch parts[0] {
            case "listens": report.listeners += 1
            case "own": report.ownCalls += 1
            case "called": report.strangers.append(parts.last ?? "")
            case "asked": report.asked.insert(parts.last ?? "")
            default: break
            }
        }
        return report
    }

    private static let script = #"""
        import ctypes, os, socket, struct, subprocess, sys, threading
        ctypes.CDLL(None).prctl(1, 9)  # ends with the process that runs inside
        folder = sys.argv[1]
        log = open(folder + "/log", "a", buffering=1)
        lock = threading.Lock()
        def note(*words):
            with lock: log.write(" ".join(words) + "\n")

        hosts = ["127.0.0.1", "127.8.8.8", "10.0.0.1", "100.64.0.1", "169.254.169.254", "172.16.0.1", "192.0.0.1",
            "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "::1", "fc00::1",
            "fd00:ec2::254", "100::1", "2001:db8::1", "3fff::1", "5f00::1", "fec0::1"]
        for host in hosts:
            size = "/128" if ":" in host else "/32"
            subprocess.run(["ip", "addr", "add", host + size, "dev", "lo"] + (["nodad"] if ":" in host else []),
                stderr=subprocess.DEVNULL)

        own = set()
        def serve(listener, name):
            while True:
                peer, address = listener.accept()
                note("own" if address[1] in own else "called", name)
                peer.close()

        listeners = []
        for host in hosts:
            for port in (80, 443, 5432, 6379, 8080):
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                listener = socket.socket(family, socket.SOCK_STREAM)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try: listener.bind((host, port))
                except OSError: continue
                listener.listen(128)
                listeners.append((family, host, port, listener))
                note("listens", host, str(port))
        # Each is called once by ourselves, from a port that is told beforehand.
        for index, (family, host, port, listener) in enumerate(listeners):
            source = 20000 + index
            own.add(source)
            threading.Thread(target=serve, args=(listener, host + " " + str(port)), daemon=True).start()
            caller = socket.socket(family, socket.SOCK_STREAM)
            caller.bind((host, source))
            caller.connect((host, port))
            caller.recv(1)
            caller.close()

        seen = {}
        PUBLIC = "93.184.216.34"
        def answers(name, kind):
            label = name.split(".")[0]
            if label.startswith("v4-"): return [(1, label[3:].replace("-", "."))]
            if label.startswith("v6-"): return [(28, label[3:].replace("x", ":"))]
            if label.startswith("rebind"):
                seen[name] = seen.get(name, 0) + (kind == 1)
                return [(1, PUBLIC if seen[name] <= 1 else "127.0.0.1")]
            if label == "mixed": return [(1, PUBLIC), (28, "::1")]
            if label == "mixed4": return [(1, PUBLIC), (1, "169.254.169.254")]
            if label == "alias": return [(5, "v4-127-0-0-1.canary.example"), (1, "127.0.0.1")]
            if label == "chain": return [(5, "alias.canary.example"), (5, "v4-127-0-0-1.canary.example"), (1, "127.0.0.1")]
            return []
        def wire(name):
            return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 53))
        def names():
            while True:
                packet, peer = server.recvfrom(2048)
                parts, at = [], 12
                while packet[at]:
                    parts.append(packet[at + 1:at + 1 + packet[at]].decode("latin1").lower()); at += 1 + packet[at]
                kind = struct.unpack(">H", packet[at + 1:at + 3])[0]
                name = ".".join(parts)
                note("asked", name)
                found, owner, body, count = answers(name, kind), name, b"", 0
                for type_, value in found:
                    if type_ == 5: data = wire(value)
                    elif type_ != kind: continue
                    else: data = socket.inet_pton(socket.AF_INET if type_ == 1 else socket.AF_INET6, value)
                    body += wire(owner) + struct.pack(">HHIH", type_, 1, 0, len(data)) + data
                    count += 1
                    if type_ == 5: owner = value
                flags = 0x8580 if found else 0x8583
                server.sendto(packet[:2] + struct.pack(">HHHHH", flags, 1, count, 0, 0) + packet[12:at + 5] + body, peer)
        threading.Thread(target=names, daemon=True).start()
        open(folder + "/ready", "w").close()
        threading.Event().wait()
        """#
}
