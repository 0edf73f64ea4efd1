import Foundation
import Postgres
import TestKit

/// Messages become signed POSTs to a receiver on loopback, each attempt kept, beside wrk posting to the same receiver.
struct DeliveryBench {
    var seconds: Double

    func run() async throws -> [Figure] {
        let ground = try await DeliveryGround(paths: (0..<50).map { "/\($0)" })
        // Warm: connections are open, statements are prepared.
        try await ground.stage(ground.plans + ground.plans)
        try await eventually(within: .seconds(60)) { try await delivered(ground) == 100 }

        let before = try await wrk(ground)
        let count = Int(2500 * seconds)
        try await ground.process.pause()
        for start in stride(from: 0, to: count, by: 500) {
            try await ground.stage((start..<min(start + 500, count)).map { ground.plans[$0 % ground.plans.count] })
        }
        let pace = Stopwatch(with: [ground.process.pid])
        let own = Stopwatch.ownCPU()
        ground.process.resume()
        try await eventually(within: .seconds(600)) { try await delivered(ground) == count + 100 }
        let (time, cpu) = pace.read()
        let receiving = Stopwatch.ownCPU() - own
        let after = try await wrk(ground)
        try await ground.stop()

        let plain = (before + after) / 2
        let ours = Figure.Reading(
            by: "one process",
            value: Double(count) / time,
            cpu: (cpu - receiving) / Double(count) * 1e6
        )
        return [
            Figure(
                name: "deliveries to 50 endpoints, each attempt kept, fsync on",
                ours: ours,
                yardstick: .init(by: "wrk -t1 -c150", value: plain),
                goal: ("≥ 0.25 of wrk", ours.value >= 0.25 * plain)
            )
        ]
    }

    private func delivered(_ ground: DeliveryGround) async throws -> Int {
        try await ground.count("SELECT count(*) FROM deliveries WHERE state = 'delivered'")
    }

    /// As many connections as ours, and bodies as long.
    private func wrk(_ ground: DeliveryGround) async throws -> Double {
        let script = try TestDirectory.make("wrk") + "/post.lua"
        let text = """
            wrk.method = 'POST'
            wrk.headers['content-type'] = 'application/json'
            wrk.body = string.rep('x', 400)
            """
        try Data(text.utf8).write(to: URL(filePath: script))
        let output = try await TestKit.run(
            "wrk",
            ["-t1", "-c150", "-d\(max(1, Int(seconds / 2)))s", "-s", script, ground.receiver.url("/wrk")]
        )
        guard let line = output.split(separator: "\n").first(where: { $0.contains("Requests/sec") }),
            let rate = line.split(separator: ":").last.flatMap({ Double($0.trimmingCharacters(in: .whitespaces)) })
        else { throw Unreadable(text: output) }
        return rate
    }
}
