import Foundation

/// Runs an actor's jobs one after another on a thread of their own, so that the actor may block.
///
/// libpq waits for the server inside its calls; on the shared pool, two such waits would stop a two-core process. The
/// thread ends when the executor is released.
final class ThreadExecutor: SerialExecutor {
    private let line = Line()

    init() {
        Thread.detachNewThread { [line] in line.run() }
    }

    deinit {
        line.close()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        line.append(Line.Entry(job: UnownedJob(job), executor: self))
    }

    /// The jobs that wait for the thread.
    ///
    /// Apart from the executor, so that the thread doesn't keep its own executor alive.
    // Because every access to the two variables holds the condition's lock.
    private final class Line: @unchecked Sendable {
        struct Entry {
            let job: UnownedJob
            let executor: ThreadExecutor
        }

        private let condition = NSCondition()
        private var entries: [Entry] = []
        private var isClosed = false

        func append(_ entry: Entry) {
            condition.withLock {
                entries.append(entry)
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
                for entry in batch {
                    entry.job.runSynchronously(on: entry.executor.asUnownedSerialExecutor())
                }
            }
        }

        private func next() -> [Entry]? {
            condition.withLock {
                while entries.isEmpty, !isClosed { condition.wait() }
                guard !entries.isEmpty else { return nil }
                defer { entries.removeAll() }
                return entries
            }
        }
    }
}
