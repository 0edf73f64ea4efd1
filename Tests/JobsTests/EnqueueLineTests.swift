import Foundation
import Jobs
import Redis
import TestKit
import Testing

@Suite struct `Enqueuing from many tasks at once` {
    private let envelope = JobEnvelope(kind: "t.work", payload: [1])

    /// What became of each of many jobs that were all enqueued alone, at the same time.
    private func enqueue(_ ids: [JobID], in queue: JobQueue) async -> [JobID: [Result<EnqueueResult, JobsError>]] {
        await withTaskGroup(of: (JobID, Result<EnqueueResult, JobsError>).self) { group in
            for id in ids {
                group.addTask { [envelope] in
                    do throws(JobsError) {
                        let request = EnqueueRequest(id: id, envelope: envelope)
                        return (id, .success(try await queue.enqueueEnvelopes([request], on: "q")[0]))
                    } catch {
                        return (id, .failure(error))
                    }
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0, default: []].append($1.1) }
        }
    }

    @Test func `those who meet go in one call, and each hears of its own job`() async throws {
        let server = try await RedisServer()
        let client = try server.client()
        let queue = JobQueue(redis: client, logger: .silent)
        _ = try await queue.enqueueEnvelopes([EnqueueRequest(id: "first", envelope: envelope)], on: "q")
        try await client.call(["CONFIG", "RESETSTAT"])

        let ids = (0..<2000).map { JobID("job-\($0)") } + ["first"]
        let results = await enqueue(ids, in: queue)
        for id in ids.dropLast() { #expect(results[id] == [.success(.enqueued(id))]) }
        #expect(results["first"] == [.success(.duplicate("first"))])
        #expect(try await queue.stats(of: "q").ready[.normal] == 2001)

        let stats = try #require(try await client.call(["INFO", "commandstats"]).string)
        let calls = try #require(stats.firstMatch(of: /cmdstat_evalsha:calls=(\d+)/).flatMap { Int($0.output.1) })
        #expect(calls < 500, "2001 jobs took \(calls) calls")
        await client.close()
        await server.stop()
    }

    @Test func `the same id from many tasks is one job`() async throws {
        let queue = try await TestQueue()
        let results = await enqueue(Array(repeating: "one", count: 50), in: queue.jobs)["one"] ?? []
        #expect(results.count == 50)
        #expect(results.count { $0 == .success(.enqueued("one")) } == 1)
        #expect(results.count { $0 == .success(.duplicate("one")) } == 49)
    }

    @Test func `where only some fit, some are taken and only the rest refused`() async throws {
        let queue = try await TestQueue(limits: .init(jobs: 30))
        let results = await enqueue((0..<100).map { JobID("job-\($0)") }, in: queue.jobs)
        #expect(results.values.count { $0 == [.failure(.full("q"))] } == 70)
        #expect(results.count { $0.value == [.success(.enqueued($0.key))] } == 30)
        #expect(try await queue.leasedIDs(100).count == 30)
    }

    @Test func `all hear of it in time when Redis falls silent, and nothing is lost when it speaks again`() async throws
    {
        let server = try await RedisServer()
        var configuration = try server.configuration()
        configuration.commandTimeout = .milliseconds(700)
        let client = RedisClient(configuration, logger: .silent)
        let queue = JobQueue(redis: client, logger: .silent)
        _ = try await queue.enqueueEnvelopes([EnqueueRequest(id: "first", envelope: envelope)], on: "q")

        let ids = (0..<200).map { JobID("job-\($0)") }
        try await server.pause()
        let start = ContinuousClock.now
        let silent = await enqueue(ids, in: queue)
        #expect(ContinuousClock.now - start < .seconds(20))
        for (_, results) in silent {
            let error = try #require(results.first?.failure)
            #expect(error.isTransient)
        }
        server.resume()
        let again = await enqueue(ids, in: queue)
        for id in ids {
            // What arrived before its sender gave up is there already.
            #expect([.success(.enqueued(id)), .success(.duplicate(id))].contains(again[id]?.first))
        }
        #expect(try await queue.stats(of: "q").ready[.normal] == 201)
        await client.close()
        await server.stop()
    }
}

extension Result {
    fileprivate var failure: Failure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
}
