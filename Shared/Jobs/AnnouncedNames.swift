import Synchronization

/// The queues that this process has put on the list of queues.
final class AnnouncedNames: Sendable {
    private let names = Mutex<Set<QueueName>>([])

    func contains(_ name: QueueName) -> Bool { names.withLock { $0.contains(name) } }
    func insert(_ name: QueueName) { names.withLock { _ = $0.insert(name) } }
    func forget(_ name: QueueName) { names.withLock { _ = $0.remove(name) } }
}
