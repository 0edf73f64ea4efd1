package import Redis

// Who works on which queue, as the server sees its connections.

extension JobQueue {
    private static let workerMark = "worker:"

    /// What an idle worker of a queue waits on; named after the queue, so that `workers()` can count it.
    func listeningConnection(for queue: QueueName) async throws(RedisError) -> RedisBlockingConnection {
        let connection = try await redis.blockingConnection(for: key(queue))
        do {
            let name = RedisArgument.text(Self.workerMark + queue.text)
            try await connection.call(["CLIENT", "SETNAME", name], timeout: .zero)
        } catch {
            // A server that does not let us have a name serves us all the same.
            guard case .server = error else { throw error }
        }
        return connection
    }

    /// How many workers are connected, by queue; one process counts once for each queue it runs. Nil where the server does
    /// not show its connections.
    package func workers() async throws(JobsError) -> [QueueName: Int]? {
        let text: String?
        do {
            text = try await redis.call(["CLIENT", "LIST", "TYPE", "normal"]).string
        } catch {
            guard case .server = error else { throw .redis(error) }
            return nil
        }
        let database = "db=\(redis.configuration.database)"
        var workers: [QueueName: Int] = [:]
        for line in (text ?? "").split(whereSeparator: \.isNewline) {
            let fields = line.split(separator: " ")
            guard fields.contains(Substring(database)), let name = fields.first(where: { $0.hasPrefix("name=") }),
                name.dropFirst(5).hasPrefix(Self.workerMark),
                let queue = QueueName(stored: String(name.dropFirst(5 + Self.workerMark.count)))
            else { continue }
            workers[queue, default: 0] += 1
        }
        return workers
    }
}
