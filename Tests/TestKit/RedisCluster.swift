package import Redis

/// Redis Cluster of three primaries on 127.0.0.1, for as long as somebody holds it.
package final class RedisCluster: Sendable {
    package let nodes: [RedisServer]
    /// Of the first node, with what makes a client follow the slots.
    package var url: String { "\(nodes[0].portURL)?cluster=true" }

    package init() async throws {
        var nodes: [RedisServer] = []
        for _ in 0..<3 {
            let bus = try freePort()
            // A node that a busy machine lets wait is not down.
            let more = ["--cluster-enabled", "yes", "--cluster-port", "\(bus)", "--cluster-node-timeout", "60000"]
            nodes.append(try await RedisServer(.init(hasPort: true, more: more)))
        }
        self.nodes = nodes
        let addresses = nodes.map { "127.0.0.1:\($0.port ?? 0)" }
        _ = try await run("redis-cli", ["--cluster", "create"] + addresses + ["--cluster-yes"])
        // Each must know of all the others, or it refuses what it is asked.
        for node in nodes {
            let client = try node.client()
            try await eventually {
                try await client.call(["CLUSTER", "INFO"]).string?.contains("cluster_state:ok") == true
            }
            await client.close()
        }
    }

    package func client() throws -> RedisClient {
        RedisClient(try RedisConfiguration(url: url), logger: .silent)
    }

    /// The node that has a slot, and another one.
    package func nodes(of slot: Int) async throws -> (owner: RedisServer, other: RedisServer) {
        for (index, node) in nodes.enumerated() {
            let client = try node.client()
            let ranges = try await client.call(["CLUSTER", "SLOTS"]).array ?? []
            await client.close()
            for range in ranges.compactMap(\.array) where range.count > 2 {
                guard let first = range[0].int, let last = range[1].int, (first...last).contains(slot),
                    let port = range[2].array?[1].int, port == node.port
                else { continue }
                return (node, nodes[(index + 1) % nodes.count])
            }
        }
        throw NoOwner(slot: slot)
    }

    struct NoOwner: Error { var slot: Int }
}
