internal import Foundation
internal import Glibc
package import Logging
internal import Synchronization

/// Writes each event as one line with one call to the kernel.
package struct LineLog: LogHandler {
    package var metadata: Logger.Metadata
    package var logLevel: Logger.Level
    package var metadataProvider: Logger.MetadataProvider?
    private let service: String
    private let format: LogFormat
    private let write: @Sendable ([UInt8]) -> Void

    /// - Parameter write: takes one whole line.
    package init(
        service: String,
        format: LogFormat,
        level: Logger.Level,
        write: @escaping @Sendable ([UInt8]) -> Void = standardOutput
    ) {
        metadata = [:]
        logLevel = level
        self.service = service
        self.format = format
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        write(format.line(event, service: service, metadata: all, at: .now))
    }

    /// Lines of several threads come one after the other. What can't be written is lost: a log must not stop the work.
    package static let standardOutput: @Sendable ([UInt8]) -> Void = { line in
        lock.withLock { _ in
            var rest = line[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }
    }

    private static let lock = Mutex(())
}
