import Foundation
import Postgres
import Store
import TestKit

/// Messages become signed POSTs to a receiver on loopback, each attempt kept, beside wrk posting to the same receiver.
struct DeliveryBench {
    var seconds: Double

    func run() async throws -> [Figure] {
        let ground = try await DeliveryGround(paths: (0..<50).map { "/\($0)" })
        // Warm: connections are open, statements are prepared.
        try await ground.stage(ground.plans + ground.plans)
        try await eventually { try await isQuiet(ground) }

        let before = try await wrk(ground)
        let count = Int(15_000 * seconds)
        try await ground.process.pause()
        for start in stride(from: 0, to: count, by: 500) {
            try await ground.stage((start..<min(start + 500, count)).map { ground.plans[$0 % ground.plans.count] })
        }
        let machine = Machine()
        let start = Date()
        ground.process.resume()
        while try await !isQuiet(ground) { try await Task.sleep(for: .milliseconds(500)) }
        let time = try await lastKept(ground).timeIntervalSince(start)
        let cpu = machine.familySeconds().mapValues { $0 / Double(count) * 1e6 }
        guard try await delivered(ground) == count + 100 else { throw Unreadable(text: "some were not delivered") }
        let after = try await wrk(ground)
        try await ground.stop()

        let plain = (before.rate + after.rate) / 2
        let parts = [("postgres", "Postgres"), ("redis-server", "Redis"), ("bench", "receiver")]
            .map { "\($0.1) \((cpu[$0.0] ?? 0).rounded(to: 0)) µs" }.joined(separator: ", ")
        let ours = Figure.Reading(
            by: "one process beside \(parts) each",
            value: Double(count) / time,
            cpu: cpu["notifications"]
        )
        return [
            Figure(
                name: "deliveries to 50 endpoints, each attempt kept, fsync on",
                ours: ours,
                yardstick: .init(
                    by: "wrk -t1 -c150, it and the receiver",
                    value: plain,
                    cpu: (before.cpu + after.cpu) / 2
                ),
                goal: ("≥ 0.25 of wrk", ours.value >= 0.25 * plain)
            )
        ]
    }

    private func lastKept(_ ground: DeliveryGround) async throws -> Date {
        try await ground.store.read {
            try $0.rows("SELECT max(recorded_at) FROM delivery_attempts").decode(Date.self).first ?? .distantPast
        }
    }

    /// Asked again and again while they are on their way, so it counts nothing.
    private func isQuiet(_ ground: DeliveryGround) async throws -> Bool {
        try await ground.count(
            """
            SELECT CASE WHEN EXISTS (SELECT FROM outbox_waiting)
                OR EXISTS (
                    SELECT FROM endpoints e
                    WHERE EXISTS (SELECT FROM deliveries d WHERE d.endpoint = e.id AND d.state = 'pending'))
                THEN 1 ELSE 0 END
            """
        ) == 0
    }

    private func delivered(_ ground: DeliveryGround) async throws -> Int {
        try await ground.count("SELECT count(*) FROM deliveries WHERE state = 'delivered'")
    }

    /// As many connections as ours, headers like ours, and bodies as long.
    private func wrk(_ ground: DeliveryGround) async throws -> (rate: Double, cpu: Double) {
        let script = try TestDirectory.make("wrk") + "/post.lua"
        let text = """
            wrk.method = 'POST'
            wrk.headers['content-type'] = 'application/json'
            wrk.headers['user-agent'] = 'Gatehouse'
            wrk.headers['x-gatehouse-event'] = 'entitlement.granted'
            wrk.headers['webhook-id'] = '019aa4d5-6c1e-7b1d-9d5e-3f2a1b0c4d5e'
            wrk.headers['webhook-timestamp'] = '1795230000'
            wrk.headers['webhook-signature'] = 'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4='
            wrk.body = string.rep('x', 400)
            """
        try Data(text.utf8).write(to: URL(filePath: script))
        let machine = Machine()
        let output = try await TestKit.run(
            "wrk",
            ["-t1", "-c150", "-d\(max(1, Int(seconds / 2)))s", "-s", script, ground.receiver.url("/wrk")]
        )
        let cpu = machine.familySeconds()
        let lines = output.split(separator: "\n")
        guard let line = lines.first(where: { $0.contains("Requests/sec") }),
            let rate = line.split(separator: ":").last.flatMap({ Double($0.trimmingCharacters(in: .whitespaces)) }),
            let all = lines.first(where: { $0.contains("requests in") })?.split(separator: " ").first,
            let requests = Double(all)
        else { throw Unreadable(text: output) }
        // wrk has ended by now, so its time is counted as its parent's.
        return (rate, ((cpu["bench"] ?? 0) + (cpu["wrk"] ?? 0)) / requests * 1e6)
    }
}
