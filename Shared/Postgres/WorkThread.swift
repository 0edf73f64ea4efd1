import Foundation

/// Does one thing after another on a thread of its own, so that they may block.
///
/// libpq waits for the server inside its calls; on the shared pool, two such waits would stop a two-core process. The
/// thread ends when its owner releases this.
final class WorkThread: Sendable {
    private let line = Line()

    init() {
        Thread.detachNewThread { [line] in line.run() }
    }

    deinit {
        line.close()
    }

    func run(_ work: @escaping @Sendable () -> Void) {
        line.append(work)
    }

    /// The work that waits for the thread.
    ///
    /// Apart from `WorkThread`, so that the thread doesn't keep itself alive.
    // Because every access to the two variables holds the condition's lock.
    private final class Line: @unchecked Sendable {
        private let condition = NSCondition()
        private var works: [@Sendable () -> Void] = []
        private var isClosed = false

        func append(_ work: @escaping @Sendable () -> Void) {
            condition.withLock {
                works.append(work)
                condition.signal()
            }
        }

        func close() {
            condition.withLock {
                isClosed = true
                condition.signal()
            }
        }

        func run() {
            while let batch = next() {
                for work in batch { work() }
            }
        }

        private func next() -> [@Sendable () -> Void]? {
            condition.withLock {
                while works.isEmpty, !isClosed { condition.wait() }
                guard !works.isEmpty else { return nil }
                defer { works = [] }
                return works
            }
        }
    }
}
