package import Foundation
package import Logging
package import Redis

/// The queues of one Redis: enqueue here, and everything that workers and operators do to jobs in the extensions.
///
/// Each call is one script, so it happens whole or not at all. No call is repeated on its own but `enqueue`, once, after a
/// lost reply; what the others throw with `outcomeIsUnknown` may be repeated by their caller without harm.
package final class JobQueue: Sendable {
    /// How much one queue may hold before `enqueue` refuses with `full`; an operator's `cap` and `capbytes` in the queue's
    /// meta take their place.
    package struct Limits: Sendable, Hashable {
        package var jobs: Int
        /// Of envelopes; Redis needs about 130 more for each job.
        package var bytes: Int
        /// Of one envelope.
        package var jobBytes: Int

        package init(jobs: Int = 1_000_000, bytes: Int = 2 << 30, jobBytes: Int = 4 << 20) {
            self.jobs = jobs
            self.bytes = bytes
            self.jobBytes = jobBytes
        }
    }

    package let redis: RedisClient
    package let prefix: String
    package let limits: Limits
    /// How many shards a queue has, when one: each is a queue of its own with its own hash slot, so that a Redis Cluster
    /// spreads them. All processes must agree, and a queue must be empty when its number changes.
    package let shards: [QueueName: Int]
    let scripts: Scripts
    let logger: Logger
    let names = AnnouncedNames()
    let line = EnqueueLine()

    package init(
        redis: RedisClient,
        prefix: String = "jq",
        limits: Limits = Limits(),
        shards: [QueueName: Int] = [:],
        scripts: Scripts = .written,
        logger: Logger
    ) {
        self.redis = redis
        self.prefix = prefix
        self.limits = limits
        self.shards = shards
        self.scripts = scripts
        self.logger = logger
    }

    /// Where the keys of a queue begin: `jq:{renewals}:`. The braces keep them in one slot of a cluster.
    package func key(_ queue: QueueName, _ name: String = "") -> String { "\(prefix):{\(queue)}:\(name)" }

    /// What scripts are given. In a cluster a second key that is never there: a node that is just handing a slot over
    /// answers "try again" to two keys, where it would run a script with one on whatever has been handed over so far.
    func keys(_ queue: QueueName) -> [String] {
        redis.configuration.isCluster ? [key(queue), key(queue, "-")] : [key(queue)]
    }

    /// The same queues over another connection.
    package func over(_ redis: RedisClient) -> JobQueue {
        JobQueue(redis: redis, prefix: prefix, limits: limits, shards: shards, scripts: scripts, logger: logger)
    }

    func evaluate(
        _ script: RedisScript,
        on queue: QueueName,
        _ arguments: [RedisArgument] = []
    ) async throws(JobsError) -> RedisValue {
        do {
            return try await redis.evaluate(script, keys: keys(queue), arguments: arguments)
        } catch {
            throw error.code == "FULL" ? .full(queue) : .redis(error)
        }
    }
}

// MARK: Enqueue

/// When a job may run. Times are the queue's.
package enum JobTime: Sendable, Hashable {
    case now
    case after(Duration)
    /// A time that is past means now.
    case at(Date)
}

/// What became of an enqueued job. Both are fine.
package enum EnqueueResult: Sendable, Hashable {
    case enqueued(JobID)
    /// The job with this id is in the queue already and stands for this one: it has the same id, or holds the unique key.
    case duplicate(JobID)

    package var id: JobID {
        switch self {
        case .enqueued(let id), .duplicate(let id): id
        }
    }
}

/// One job of a batch.
package struct EnqueueRequest: Sendable, Hashable {
    package var id: JobID
    package var time: JobTime
    package var envelope: JobEnvelope

    package init(id: JobID = JobID(), time: JobTime = .now, envelope: JobEnvelope) {
        self.id = id
        self.time = time
        self.envelope = envelope
    }
}

extension JobQueue {
    /// Puts a job in its queue; when this returns, Redis has it (on disk, if it runs with `appendfsync always`).
    ///
    /// With an `id` of the producer's own, the same call again is a duplicate as long as the job has not been settled; a
    /// `uniqueKey` with a window covers the time after. Throws `full` when the queue is.
    @discardableResult
    package func enqueue<J: Job>(
        _ job: J,
        id: JobID? = nil,
        at time: JobTime = .now,
        trace: String? = nil
    ) async throws(JobsError) -> EnqueueResult {
        let request = EnqueueRequest(id: id ?? JobID(), time: time, envelope: try JobEnvelope(job, trace: trace))
        let queue = shards.isEmpty ? J.queue : shard(of: J.queue, for: request)
        guard let result = try await enqueueEnvelopes([request], on: queue).first else {
            throw .unexpectedAnswer("enqueue")
        }
        return result
    }

    /// The same at a date of the producer's.
    @discardableResult
    package func enqueue(
        _ job: some Job,
        id: JobID? = nil,
        at date: Date,
        trace: String? = nil
    ) async throws(JobsError) -> EnqueueResult {
        try await enqueue(job, id: id, at: .at(date), trace: trace)
    }

    /// Puts many jobs in one queue, in this order. Each 500 go in whole or not at all.
    package func enqueueEnvelopes(
        _ requests: [EnqueueRequest],
        on queue: QueueName
    ) async throws(JobsError) -> [EnqueueResult] {
        if !shards.isEmpty, shards(of: queue).count > 1 { return try await enqueueSharded(requests, on: queue) }
        try await announce(queue)
        let items = try requests.map { request throws(JobsError) in try item(request, for: queue) }
        var values: [RedisValue] = []
        values.reserveCapacity(requests.count)
        if items.count == 1 {
            values.append(try await line.enqueue(items[0], on: queue) { await self.send($0, on: queue) }.get())
        } else {
            for start in stride(from: 0, to: items.count, by: 500) {
                values += try await send(Array(items[start..<min(start + 500, items.count)]), on: queue).get()
            }
        }
        return zip(requests, values).map { request, value in
            if case .int = value { return .enqueued(request.id) }
            return .duplicate(JobID(value.string ?? request.id.text))
        }
    }

    private func item(_ request: EnqueueRequest, for queue: QueueName) throws(JobsError) -> EnqueueLine.Item {
        guard (1...200).contains(request.id.text.utf8.count) else { throw .malformed("job id") }
        let bytes = try request.envelope.encoded(for: queue)
        guard bytes.count <= limits.jobBytes else { throw .tooLarge(request.envelope.kind, bytes: bytes.count) }
        return EnqueueLine.Item(
            words: [.text(request.id.text), request.time.argument, .bytes(bytes)],
            weight: bytes.count
        )
    }

    /// Up to 500 jobs; the script's word on each.
    private func send(_ items: [EnqueueLine.Item], on queue: QueueName) async -> Result<[RedisValue], JobsError> {
        var arguments: [RedisArgument] = [.int(limits.jobs), .int(limits.bytes)]
        arguments.reserveCapacity(2 + 3 * items.count)
        for item in items { arguments += item.words }
        do throws(JobsError) {
            let answer = try await sendTwiceIfLost(arguments, on: queue)
            guard let values = answer.array, values.count == items.count + 1 else {
                return .failure(.unexpectedAnswer("enqueue"))
            }
            return .success(Array(values.dropFirst()))
        } catch {
            return .failure(error)
        }
    }

    /// Because the ids are the producer's, a second try after a lost reply finds the jobs of the first. A job that was
    /// settled in between runs twice, which every job bears.
    private func sendTwiceIfLost(_ arguments: [RedisArgument], on queue: QueueName) async throws(JobsError)
        -> RedisValue
    {
        do {
            return try await evaluate(scripts.enqueue, on: queue, arguments)
        } catch {
            guard case .redis(.outcomeUnknown) = error, !Task.isCancelled else { throw error }
        }
        return try await evaluate(scripts.enqueue, on: queue, arguments)
    }
}

extension JobTime {
    fileprivate var argument: RedisArgument {
        switch self {
        case .now: "0"
        case .after(let delay): .text("+\(max(0, delay.milliseconds))")
        case .at(let date): .int(max(0, date.milliseconds))
        }
    }
}
