import Redis

// Which queues there are. The set stands in another hash slot than any queue, so it is written beside the scripts.

extension JobQueue {
    /// Every queue that a job was ever put in, or a worker registered with, by name. A sharded queue is listed by its shards.
    package func queueNames() async throws(JobsError) -> [QueueName] {
        do {
            let names = try await redis.call(["SMEMBERS", .text(namesKey)]).array ?? []
            return names.compactMap { $0.string.flatMap { QueueName(stored: $0) } }.sorted { $0.text < $1.text }
        } catch {
            throw .redis(error)
        }
    }

    /// Takes a queue that is no longer used off the list. Its keys stay; the next job puts it back.
    package func forget(_ queue: QueueName) async throws(JobsError) {
        names.forget(queue)
        do {
            try await redis.call(["SREM", .text(namesKey), .text(queue.text)])
        } catch {
            throw .redis(error)
        }
    }

    /// Before the first job of this process goes in, and at every registration: a Redis that came back empty hears it again.
    func announce(_ queue: QueueName, always: Bool = false) async throws(JobsError) {
        guard always || !names.contains(queue) else { return }
        do {
            try await redis.evaluate(scripts.announce, keys: [namesKey], arguments: [.text(queue.text)])
        } catch {
            throw .redis(error)
        }
        names.insert(queue)
    }

    private var namesKey: String { "\(prefix):queues" }
}
