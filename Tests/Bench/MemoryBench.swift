import Jobs
import Redis
import TestKit

/// What a waiting job costs in Redis.
struct MemoryBench {
    func run() async throws -> [Figure] {
        var figures: [Figure] = []
        for (bytes, goal) in [(200, 400.0), (1000, 1150.0)] {
            let server = try await RedisServer(.init(isDurable: false, hasPort: false))
            let client = try server.client()
            let queue = JobQueue(redis: client, logger: .silent)
            let before = try await memory(client)
            let count = 100_000
            let envelope = try JobEnvelope(NoopJob(bytes: bytes))
            for _ in 0..<(count / 500) {
                let requests = (0..<500).map { _ in EnqueueRequest(envelope: envelope) }
                _ = try await queue.enqueueEnvelopes(requests, on: NoopJob.queue)
            }
            let each = (try await memory(client) - before) / Double(count)
            figures.append(
                Figure(
                    name: "memory of a waiting job of \(bytes) B",
                    ours: .init(by: "used_memory", value: each, unit: "B"),
                    yardstick: .init(by: "the payload alone", value: Double(bytes), unit: "B"),
                    goal: ("≤ \(Int(goal)) B", each <= goal)
                )
            )
            await client.close()
            await server.stop()
        }
        return figures
    }

    private func memory(_ client: RedisClient) async throws -> Double {
        let text = try await client.call(["INFO", "memory"]).string ?? ""
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("used_memory:") }
        guard let value = line?.split(separator: ":").last.flatMap({ Double($0) }) else { throw Unreadable(text: text) }
        return value
    }
}
