import CoreMetrics
import Foundation
import Testing
import Web

@Suite struct `Numbers for Prometheus` {
    let registry = PrometheusRegistry()

    @Test func `a counter counts up, series by series`() {
        registry.describe("orders_total", "Orders by outcome.")
        for outcome in ["paid", "paid", "failed"] {
            Counter(label: "orders_total", dimensions: [("outcome", outcome)], factory: registry).increment()
        }
        let paid = Counter(label: "orders_total", dimensions: [("outcome", "paid")], factory: registry)
        paid.increment(by: 40)
        FloatingPointCounter(label: "orders_total", dimensions: [("outcome", "paid")], factory: registry)
            .increment(by: 0.5)
        #expect(
            registry.text().contains(
                """
                # HELP orders_total Orders by outcome.
                # TYPE orders_total counter
                orders_total{outcome="failed"} 1
                orders_total{outcome="paid"} 42.5

                """
            )
        )
    }

    @Test func `a gauge shows its last value`() {
        let gauge = Gauge(label: "depth", factory: registry)
        gauge.record(7)
        gauge.record(-2.5)
        let meter = Meter(label: "level", factory: registry)
        meter.set(10)
        meter.increment(by: 2)
        meter.decrement()
        #expect(registry.text().contains("# TYPE depth gauge\ndepth -2.5\n"))
        #expect(registry.text().contains("# TYPE level gauge\nlevel 11\n"))
    }

    @Test func `a timer is a histogram of seconds`() {
        registry.describe("work_seconds", "Work.", buckets: [1, 0.1])
        let timer = Timer(label: "work_seconds", dimensions: [("kind", "a")], factory: registry)
        for milliseconds in [50, 100, 101, 5000] { timer.recordMilliseconds(milliseconds) }
        #expect(
            registry.text().contains(
                """
                # HELP work_seconds Work.
                # TYPE work_seconds histogram
                work_seconds_bucket{kind="a",le="0.1"} 2
                work_seconds_bucket{kind="a",le="1"} 3
                work_seconds_bucket{kind="a",le="+Inf"} 4
                work_seconds_sum{kind="a"} 5.251
                work_seconds_count{kind="a"} 4

                """
            )
        )
    }

    @Test func `odd characters in labels, names and help are written so that they can be read`() {
        registry.describe("odd_total", "Back\\slash and\nnew line \"quoted\".")
        Counter(label: "odd_total", dimensions: [("a.b", "x\\y\"z\nw é 🔑"), ("le", "1")], factory: registry).increment()
        Counter(label: "1 strange-näme", factory: registry).increment()
        let text = registry.text()
        #expect(text.contains(#"# HELP odd_total Back\\slash and\nnew line "quoted"."#))
        #expect(text.contains(#"odd_total{a_b="x\\y\"z\nw é 🔑",label_le="1"} 1"#))
        #expect(text.contains("_1_strange_n_me 1"))
    }

    @Test func `a use that contradicts the first one is refused and counted`() {
        Counter(label: "mixed_total", dimensions: [("a", "1")], factory: registry).increment()
        Counter(label: "mixed_total", dimensions: [("b", "1")], factory: registry).increment()
        Counter(label: "mixed_total", factory: registry).increment()
        Gauge(label: "mixed_total", factory: registry).record(3)
        Timer(label: "mixed_total", factory: registry).recordSeconds(1)
        Counter(label: "twice_total", dimensions: [("a", "1"), ("a", "2")], factory: registry).increment()
        let text = registry.text()
        #expect(text.contains("metrics_refused_total 5\n"))
        #expect(text.contains("mixed_total{a=\"1\"} 1\n"))
        #expect(!text.contains("twice_total{"))
    }

    @Test func `no label fills the memory`() {
        let small = PrometheusRegistry(seriesPerFamily: 10)
        for number in 0..<1000 {
            Counter(label: "paths_total", dimensions: [("path", "/\(number)")], factory: small).increment()
        }
        let text = small.text()
        #expect(text.split(separator: "\n").count { $0.hasPrefix("paths_total{") } == 10)
        #expect(text.contains("metrics_refused_total 990\n"))
    }

    @Test func `counting at once from everywhere loses nothing`() async {
        await withTaskGroup(of: Void.self) { [registry] group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        Counter(label: "busy_total", dimensions: [("a", "b")], factory: registry).increment()
                        Timer(label: "busy_seconds", factory: registry).recordMilliseconds(1)
                    }
                }
            }
        }
        #expect(registry.text().contains(#"busy_total{a="b"} 8000"#))
        #expect(registry.text().contains("busy_seconds_count 8000"))
    }

    @Test func `the process tells of itself`() throws {
        registry.addProcessMetrics()
        let text = registry.text()
        func value(_ name: String) throws -> Double {
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name + " ") })
            return try #require(line.split(separator: " ").last.flatMap { Double($0) })
        }
        #expect(try value("process_resident_memory_bytes") > 1_000_000)
        #expect(try value("process_open_fds") >= 3)
        #expect(try value("process_cpu_seconds_total") > 0)
        #expect(try value("process_start_time_seconds") > 1_600_000_000)
    }

    /// Every line, against the grammar of the format; the numbers of histograms, against their own rules.
    @Test func `the text keeps to the grammar`() throws {
        registry.addProcessMetrics()
        registry.describe("odd_total", "Back\\slash and\nnew line.")
        Counter(label: "odd_total", dimensions: [("a", "x\\y\"z\nw")], factory: registry).increment()
        Gauge(label: "infinite", factory: registry).record(Double.infinity)
        Gauge(label: "tiny", factory: registry).record(1e-12)
        Gauge(label: "huge", factory: registry).record(1e300)
        Timer(label: "t_seconds", dimensions: [("z", ""), ("a", "1")], factory: registry).recordSeconds(3)

        let label = /[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"/
        var types: [String: String] = [:]
        let text = registry.text()
        #expect(text.hasSuffix("\n"))
        for line in text.split(separator: "\n") {
            if let match = line.wholeMatch(of: /# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)/) {
                #expect(types.updateValue(String(match.2), forKey: String(match.1)) == nil)
            } else if line.wholeMatch(of: /# HELP [a-zA-Z_:][a-zA-Z0-9_:]* (?:[^\\]|\\[\\n])*/) == nil {
                let sample = try #require(
                    line.wholeMatch(
                        of: /([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\+Inf|-Inf|NaN|-?[0-9.]+(?:e[-+]?[0-9]+)?)/
                    ),
                    "\(line)"
                )
                let name = String(sample.1)
                let family = ["_bucket", "_sum", "_count"].compactMap { suffix in
                    name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : nil
                }.first { types[$0] == "histogram" }
                #expect(types[family ?? name] != nil)
                let rest = (sample.2 ?? "").replacing(label, with: "@")
                #expect(rest.allSatisfy { $0 == "@" || $0 == "," })
            }
        }
    }

    @Test(.enabled(if: OfficialParser.isThere, "python3 with prometheus_client is not installed"))
    func `the official parser reads it`() throws {
        Counter(label: "odd_total", dimensions: [("a", "x\\y\"z\nw é")], factory: registry).increment(by: 3)
        Timer(label: "t_seconds", dimensions: [("z", ""), ("a", "1")], factory: registry).recordSeconds(3)
        Gauge(label: "infinite", factory: registry).record(-Double.infinity)
        registry.addProcessMetrics()
        let read = try OfficialParser.read(registry.text())
        #expect(read.contains(#"odd_total {'a': 'x\\y"z\nw é'} 3.0"#))
        #expect(read.contains("t_seconds_bucket {'a': '1', 'z': '', 'le': '+Inf'} 1.0"))
        #expect(read.contains("infinite {} -inf"))
    }
}

/// The parser of PyPI's `prometheus_client`, where python3 has it.
enum OfficialParser {
    static let isThere = (try? run("import prometheus_client")) != nil

    /// A line for each sample: name, labels, value.
    static func read(_ text: String) throws -> [Substring] {
        let script = """
            import sys
            from prometheus_client.parser import text_string_to_metric_families as read
            for family in read(sys.stdin.read()):
                for s in family.samples: print(s.name, s.labels, float(s.value))
            """
        return try run(script, input: text).split(separator: "\n")
    }

    private struct Failed: Error {}

    private static func run(_ script: String, input: String = "") throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [ProcessInfo.processInfo.environment["PYTHON"] ?? "python3", "-c", script]
        let (stdin, stdout) = (Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = FileHandle.nullDevice
        try process.run()
        try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed() }
        return String(decoding: output, as: UTF8.self)
    }
}
