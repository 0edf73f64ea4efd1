import Foundation
import TestKit

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
            while [ ! -e "$0/ready" ]; do kill -0 $!; sleep 0.05; done
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
        import ctypes, os, socket, struct, subprocess, sys, threading, time
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
        # A new address has no route yet for a moment.
        def call(family, host, port, source):
            end = time.monotonic() + 20
            while True:
                with socket.socket(family, socket.SOCK_STREAM) as caller:
                    caller.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    try:
                        caller.bind((host, source))
                        caller.connect((host, port))
                        return caller.recv(1)
                    except OSError:
                        if time.monotonic() > end: raise
                time.sleep(0.05)

        # Each is called once by ourselves, from a port that is told beforehand.
        for index, (family, host, port, listener) in enumerate(listeners):
            source = 20000 + index
            own.add(source)
            threading.Thread(target=serve, args=(listener, host + " " + str(port)), daemon=True).start()
            call(family, host, port, source)

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
