package import Foundation
import Redis

/// Where dead letters go when they have lain in Redis for a while: a place that is larger, searchable and kept.
package protocol DeadLetterArchive: Sendable {
    /// Keeps these letters; when it returns, they are durable. The same letter (queue, id, time of death) given again is
    /// kept once.
    func keep(_ letters: [DeadLetter], of queue: QueueName) async throws
}

extension JobQueue {
    /// Moves the letters of a queue that died before `date` to an archive, oldest first, and answers how many.
    ///
    /// They are deleted here after the archive has them, so a crash in between leaves a letter in both, and the next run
    /// finishes the move. One that was replayed and died again meanwhile is another letter and stays.
    package func archiveDead(
        of queue: QueueName,
        before date: Date,
        to archive: some DeadLetterArchive
    ) async throws -> Int {
        var moved = 0
        // A page is small because a letter may have megabytes. Letters of a format that only a later release reads
        // stay, and are passed over.
        var passed = 0
        while true {
            let (letters, looked) = try await dead(on: queue, from: passed, count: 25, withPayloads: true)
            let old = letters.filter { $0.since < date }
            if !old.isEmpty {
                try await archive.keep(old, of: queue)
                let gone = try await unload(old, of: queue)
                moved += gone
                // Somebody else moves them, or replays them.
                if gone == 0 { return moved }
            }
            passed += looked - letters.count
            if looked < 25 || old.count < letters.count || (old.isEmpty && looked == letters.count) { return moved }
        }
    }

    private func unload(_ letters: [DeadLetter], of queue: QueueName) async throws(JobsError) -> Int {
        let arguments = letters.flatMap { [RedisArgument.text($0.id.text), .int($0.since.milliseconds)] }
        return try await evaluate(scripts.unload, on: queue, arguments).int ?? 0
    }

    /// Puts archived letters back in line under their old ids, as new jobs: attempts and crashes forgotten.
    ///
    /// The caller notes in the archive what was enqueued; a crash in between means that the letter can be replayed once more,
    /// which is a duplicate while the job is there.
    package func replay(archived letters: [DeadLetter], on queue: QueueName) async throws(JobsError) -> [EnqueueResult]
    {
        try await enqueueEnvelopes(letters.map { EnqueueRequest(id: $0.id, envelope: $0.envelope) }, on: queue)
    }
}
