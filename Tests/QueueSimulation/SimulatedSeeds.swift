package import Redis

/// Many seeds side by side, each on keys of its own.
package struct SimulatedSeeds: Sendable {
    package var seeds: Range<UInt64>
    package var sabotage: Sabotage?
    /// How many at a time.
    package var width: Int

    package init(_ seeds: Range<UInt64>, sabotage: Sabotage? = nil, width: Int = 4) {
        self.seeds = seeds
        self.sabotage = sabotage
        self.width = width
    }

    /// The reports come as they are ready, in no order. False from `took` ends it early.
    package func run(on clients: [RedisClient], prefix: String, took: (Simulation.Report) -> Bool) async throws {
        try await withThrowingTaskGroup(of: Simulation.Report.self) { group in
            var left = seeds[...]
            func begin(_ seed: UInt64) {
                let redis = clients[Int(seed % UInt64(clients.count))]
                group.addTask {
                    var day = Simulation(seed: seed, redis: redis, prefix: "\(prefix)\(seed)", sabotage: sabotage)
                    try await day.run()
                    return day.report
                }
            }
            for _ in 0..<width { if let seed = left.popFirst() { begin(seed) } }
            while let report = try await group.next() {
                guard took(report) else { return group.cancelAll() }
                if let seed = left.popFirst() { begin(seed) }
            }
        }
    }
}
