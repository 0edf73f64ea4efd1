package import Logging
import Synchronization

/// Remembers what was logged, metadata included, one line each: `warning cannot connect reason=… try=1`.
package final class LogRecorder: Sendable {
    private let recorded = Mutex<[String]>([])

    package init() {}

    package var lines: [String] { recorded.withLock { $0 } }

    /// Logs from `trace` up.
    package var logger: Logger { Logger(label: "test") { _ in Handler(recorder: self) } }

    private func record(_ line: String) {
        recorded.withLock { $0.append(line) }
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
            recorder.record(
                "\(event.level) \(event.message)" + all.map { " \($0.key)=\($0.value)" }.joined()
            )
        }
    }
}
