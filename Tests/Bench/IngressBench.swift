import Domain
import FaultKit
import Foundation
import FulfillmentJobs
import Jobs
import Redis
import Sealing
import Seeds
import TestKit

/// Webhooks of 4 KiB accepted a second by one ingress, each on disk before its answer; beside Redis doing the same alone.
struct IngressBench {
    var seconds: Double

    private static let mark = "@@ORDER@@"

    func run() async throws -> [Figure] {
        try await Programs.build(["ingress"])
        let server = try await RedisServer(
            .init(isDurable: true, hasPort: true, more: ["--maxmemory-policy", "noeviction"])
        )
        let client = try server.client()
        try await client.call(["CONFIG", "SET", "auto-aof-rewrite-percentage", "0"])
        let process = try await ingress(on: server, client)
        let url = "http://127.0.0.1:\(process.port)/webhooks/thrivecart/demo"
        let body = try Self.body()
        _ = try await Wrk(seconds: 1).post(body, mark: Self.mark, to: url)  // warm

        let queue = JobQueue(redis: client, logger: .silent)
        let before = (try await enqueued(queue), Stopwatch.cpu(of: process.process.pid))
        let result = try await Wrk(seconds: max(1, Int(seconds))).post(body, mark: Self.mark, to: url)
        let count = try await enqueued(queue) - before.0
        let cpu = Stopwatch.cpu(of: process.process.pid) - before.1
        await process.process.stop(within: .seconds(30))

        let yardstick = try await redisBenchmark(server, client, Int(20_000 * seconds))
        await client.close()
        await server.stop()
        let ours = Figure.Reading(
            by: "one ingress, 64 connections of wrk",
            value: result.perSecond,
            cpu: cpu / Double(max(1, count)) * 1e6,
            p50: result.p50,
            p99: result.p99
        )
        return [
            Figure(
                name: "accept webhooks of 4 KiB, appendfsync always",
                ours: ours,
                yardstick: yardstick,
                goal: (
                    "≥ 0.40 of its yardstick, p99 under 25 ms", ours.value >= 0.4 * yardstick.value && result.p99 < 25
                )
            )
        ]
    }

    private func enqueued(_ queue: JobQueue) async throws -> Int {
        try await queue.stats(of: .fulfillment).totals["enqueued"] ?? 0
    }

    private func ingress(on server: RedisServer, _ client: RedisClient) async throws
        -> (process: ServerProcess, port: Int)
    {
        let keys = SealingKeys.newEntry(id: "k1")
        guard let slug = Slug("demo") else { throw Unreadable(text: "demo") }
        let settings = IngressSettings(sites: [
            IngressSettings.SiteEntry(
                id: .new(at: .now),
                slug: slug,
                thriveCartAccount: Gatehouse.account,
                thriveCartSecrets: [Gatehouse.secret]
            )
        ])
        let sealed = try settings.sealed(with: Sealer(try SealingKeys(parsing: keys)))
        try await client.call(["SET", .text(IngressSettings.key), .bytes(sealed)])
        let port = try freePort()
        let process = try ServerProcess(
            .init(
                builtProgram("ingress"),
                [],
                environment: ["REDIS_URL": server.url, "APP_KEYS": keys, "INGRESS_PORT": "\(port)"],
                log: try TestDirectory.make("ingress") + "/log"
            )
        )
        try await eventually {
            try await TestKit.run("curl", ["-fsS", "http://127.0.0.1:\(port)/readyz"]).isEmpty == false
        }
        return (process, port)
    }

    /// A sale as ThriveCart posts it, filled up to 4 KiB with what a form with many fields has.
    private static func body() throws -> String {
        var random = SeededRandom(seed: 1)
        let life = Life(order: 1_000_000_000, now: Int(Date().timeIntervalSince1970), random: &random)
        let webhooks = life.webhooks(account: Gatehouse.account, secret: Gatehouse.secret)
        guard var body = webhooks.first?.body.replacing("1000000000", with: mark) else { throw Unreadable(text: "") }
        var number = 0
        while body.utf8.count < 4000 {
            number += 1
            body += "&customer%5Bcustom%5D%5Bfield\(number)%5D=an+answer+of+usual+length"
        }
        return body + "&passthrough=" + String(repeating: "x", count: max(0, 4096 - body.utf8.count - 13))
    }

    /// The same script, with an envelope that the ingress has made: another id and unique key each time.
    private func redisBenchmark(_ server: RedisServer, _ client: RedisClient, _ count: Int) async throws
        -> Figure.Reading
    {
        let queue = JobQueue(redis: client, logger: .silent)
        guard let id = try await queue.peek("r1", count: 1, on: .fulfillment).first,
            var bytes = try await client.call(["HGET", .text(queue.key(.fulfillment, "job")), .text(id.text)]).bytes,
            let key = try JobEnvelope(decoding: bytes, of: .fulfillment).uniqueKey,
            let place = bytes.firstRange(of: Array(key.utf8))
        else { throw Unreadable(text: "no job") }
        bytes.replaceSubrange((place.upperBound - 12)..<place.upperBound, with: Array("__rand_int__".utf8))
        let envelope = try TestDirectory.make("envelope") + "/body"
        try Data(bytes.withoutZeros()).write(to: URL(fileURLWithPath: envelope))
        let like = "thrivecart-" + String(repeating: "0", count: 52) + "__rand_int__"
        let command = """
            redis-benchmark -p \(server.port ?? 0) -c 64 -n \(count) -r 1000000000 --csv -x \
            EVALSHA \(Scripts.written.enqueue.sha1) 1 '\(queue.key(.fulfillment))' 50000000 17179869184 '\(like)' 0 < \(envelope)
            """
        let before = try await enqueued(queue)
        let output = try await TestKit.run("/bin/sh", ["-c", command])
        guard try await enqueued(queue) - before > count * 99 / 100 else {
            throw Unreadable(text: "redis-benchmark enqueued next to nothing")
        }
        return try QueueBench.reading(csv: output, by: "redis-benchmark -c 64, same script")
    }
}
