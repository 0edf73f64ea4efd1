import FaultKit
import Foundation
import Jobs
import Redis
import TestKit

/// Workers that were stopped for longer than their lease and wake up: they lease jobs, do nothing, and say long afterwards
/// that the jobs are done. A queue that believes them loses work.
///
/// They wake at the worst moment: their jobs have been given to others, Postgres is silent so that nobody can finish, and
/// then those others are killed.
actor Zombies {
    private let client: RedisClient
    private let queue: JobQueue
    /// False where the queue's protection is taken away for them.
    private let isFenced: Bool
    private var leases: [Lease] = []
    private(set) var refused = 0
    private(set) var believed = 0

    private static let name: QueueName = "fulfillment"
    private static let kind: JobKind = "fulfillment.apply"

    init(on system: Gatehouse, fenced: Bool) throws {
        client = try system.redis.client()
        queue = JobQueue(redis: client, logger: .silent)
        isFenced = fenced
    }

    var count: Int { leases.count }

    func close() async { await client.close() }

    /// Takes some jobs before the living workers can.
    func lease(_ wanted: Int) async throws {
        // Because the load decides how many can be had.
        try? await eventually(within: .seconds(5)) {
            let request = LeaseRequest(
                fence: "zombie-\(UInt64.random(in: 0 ... .max))",
                count: wanted - leases.count,
                kinds: [KnownKind(Self.kind)]
            )
            leases += try await queue.lease(request, from: Self.name).leases
            return leases.count >= wanted
        }
    }

    /// Waits until every job of theirs has been taken from them.
    func sleepPastTheLease() async throws {
        for lease in leases {
            try await eventually {
                guard let job = try await queue.show(lease.id, on: Self.name) else { return true }
                return job.crashes > 0
            }
        }
    }

    /// They say that all is done.
    func wake() async throws {
        let settlements = leases.map { Settlement($0, .done) }
        if isFenced {
            for answer in try await queue.settle(settlements, on: Self.name) {
                if answer == .refused { refused += 1 } else { believed += 1 }
            }
        } else {
            believed = try await settleWithoutFence(settlements)
        }
        leases = []
    }

    /// The queue's own script, less the question whose lease it is.
    private func settleWithoutFence(_ settlements: [Settlement]) async throws -> Int {
        let question = "if not held or held == '' or held ~= fence then"
        let script = RedisScript(Scripts.written.settle.source.replacing(question, with: "if not held then"))
        guard script != Scripts.written.settle else { throw NothingToTakeAway() }
        var arguments: [RedisArgument] = ["0.5"]
        for settlement in settlements {
            arguments += [.text(settlement.id.text), .text(settlement.fence), "done", 0, ""]
        }
        let key = queue.key(Self.name)
        let answer = try await client.evaluate(script, keys: [key], arguments: arguments)
        return (answer.array ?? []).dropFirst().count { $0.int == 1 }
    }
}

struct NothingToTakeAway: Error, CustomStringConvertible {
    var description: String { "settle.lua no longer asks for the fence as this check knows it: adapt Zombies.swift" }
}
