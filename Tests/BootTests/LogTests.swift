import Boot
import Foundation
import Logging
import Synchronization
import Testing

@Suite struct `Writing the log` {
    final class Lines: Sendable {
        let written = Mutex<[[UInt8]]>([])

        func logger(_ format: LogFormat, level: Logger.Level = .info) -> Logger {
            Logger(label: "test") { _ in
                LineLog(service: "ingress", format: format, level: level) { line in
                    self.written.withLock { $0.append(line) }
                }
            }
        }

        var texts: [String] { written.withLock { $0.map { String(decoding: $0, as: UTF8.self) } } }

        func object() throws -> [String: Any] {
            let line = try #require(written.withLock { $0.last })
            return try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
        }
    }

    let lines = Lines()

    @Test func `a line says when, how bad, what, who and about what`() throws {
        var logger = lines.logger(.json)
        logger[metadataKey: "request_id"] = "abc"
        logger.warning(
            "job failed",
            metadata: ["kind": "fulfillment.apply", "attempt": .stringConvertible(3), "late": .stringConvertible(true)]
        )

        let object = try lines.object()
        #expect(object["level"] as? String == "warning")
        #expect(object["message"] as? String == "job failed")
        #expect(object["service"] as? String == "ingress")
        #expect(object["request_id"] as? String == "abc")
        #expect(object["kind"] as? String == "fulfillment.apply")
        #expect(object["attempt"] as? Int == 3)
        #expect(object["late"] as? Bool == true)
        let timestamp = try #require(object["timestamp"] as? String)
        #expect(timestamp.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
    }

    @Test func `nothing in a value can begin a line or end a string`() throws {
        let odd = "a\"b\\c\nd\re\u{0}f\u{1B}[31m\u{2028}\u{85}é🔑"
        lines.logger(.json).info("\(odd)", metadata: ["\(odd)": "\(odd)"])
        let text = try #require(lines.texts.last)
        #expect(text.hasSuffix("}\n"))
        #expect(
            text.dropLast().unicodeScalars.allSatisfy {
                $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) && $0.value != 0x2028
            }
        )
        let object = try lines.object()
        #expect(object["message"] as? String == odd)
        #expect(object[odd] as? String == odd)
    }

    @Test func `metadata can not pass for what we say ourselves`() throws {
        lines.logger(.json).info("true", metadata: ["level": "critical", "service": "other"])
        let object = try lines.object()
        #expect(object["level"] as? String == "info")
        #expect(object["service"] as? String == "ingress")
        #expect(object["_level"] as? String == "critical")
    }

    @Test func `lists and objects keep their shape, and depth and length have an end`() throws {
        var deep = Logger.MetadataValue.string("bottom")
        for _ in 0..<100 { deep = .array([deep]) }
        lines.logger(.json).info(
            "shapes",
            metadata: [
                "list": ["a", "b"], "object": ["x": "1"], "deep": deep,
                "long": .string(String(repeating: "x", count: 100_000)),
            ]
        )
        let object = try lines.object()
        #expect(object["list"] as? [String] == ["a", "b"])
        #expect(object["object"] as? [String: String] == ["x": "1"])
        #expect((lines.texts.last?.utf8.count ?? 0) < 10_000)
    }

    @Test func `what is below the level is not written`() {
        lines.logger(.json).debug("quiet")
        #expect(lines.texts.isEmpty)
        lines.logger(.json, level: .debug).debug("loud")
        #expect(lines.texts.count == 1)
    }

    @Test func `people get one line as well`() throws {
        lines.logger(.text).error("no\nluck", metadata: ["b": "2\u{1B}[0m", "a": "1"])
        let text = try #require(lines.texts.last)
        #expect(text.wholeMatch(of: /\d\d:\d\d:\d\d\.\d{3}Z ERROR ingress: no luck a=1 b=2 \[0m\n/) != nil)
    }
}
