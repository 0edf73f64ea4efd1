import Foundation

// One queue is one hash slot, so one core's worth of Redis. A larger one is spread over shards, each a queue of its own:
// with its own policies, pause and dead letters. What must stay together stays together: a group, a unique key, an id.

extension JobQueue {
    /// The shards of a queue, or the queue itself.
    package func shards(of queue: QueueName) -> [QueueName] {
        guard !shards.isEmpty, let count = shards[queue], count > 1 else { return [queue] }
        return (0..<count).map { QueueName(unchecked: "\(queue.text)#\($0)") }
    }

    /// By the group when there is one, so that its order holds; else by the unique key; else by the id.
    package func shard(of queue: QueueName, for request: EnqueueRequest) -> QueueName {
        shard(of: queue, for: request.envelope.group ?? request.envelope.uniqueKey ?? request.id.text)
    }

    /// Where an entry fires; its jobs run there too, whatever their group is.
    func shard(of entry: Schedule) -> QueueName { shard(of: entry.queue, for: entry.name) }

    private func shard(of queue: QueueName, for text: String) -> QueueName {
        let shards = shards(of: queue)
        guard shards.count > 1 else { return queue }
        // FNV-1a: the same in every process and release, unlike Swift's own hash.
        let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return shards[Int(hash % UInt64(shards.count))]
    }

    /// Each shard takes its part whole or not at all; together they do not.
    func enqueueSharded(
        _ requests: [EnqueueRequest],
        on queue: QueueName
    ) async throws(JobsError) -> [EnqueueResult] {
        var parts: [QueueName: [Int]] = [:]
        for index in requests.indices { parts[shard(of: queue, for: requests[index]), default: []].append(index) }
        var results: [EnqueueResult?] = Array(repeating: nil, count: requests.count)
        for (shard, indices) in parts.sorted(by: { $0.key.text < $1.key.text }) {
            let some = try await enqueueEnvelopes(indices.map { requests[$0] }, on: shard)
            for (index, result) in zip(indices, some) { results[index] = result }
        }
        return results.compactMap { $0 }
    }
}
