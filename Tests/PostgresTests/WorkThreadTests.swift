import Foundation
import TestKit
import Testing

@testable import Postgres

@Suite struct `A thread of one's own` {
    private func result<Value: Sendable>(
        on thread: WorkThread,
        _ work: @escaping @Sendable () -> Value
    ) async -> Value {
        await withCheckedContinuation { continuation in
            thread.run { continuation.resume(returning: work()) }
        }
    }

    @Test func `does everything there, one thing after another`() async {
        let thread = WorkThread()
        let own = await result(on: thread) { pthread_self() }
        let notes = Notes<pthread_t>()
        for _ in 0..<1_000 { thread.run { notes.add(pthread_self()) } }
        #expect(await result(on: thread) { notes.all.count } == 1_000)
        #expect(notes.all.allSatisfy { $0 == own })
    }

    @Test func `may block while others work`() async throws {
        let gates = (0..<8).map { _ in Gate() }
        let threads = gates.map { gate in
            let thread = WorkThread()
            thread.run { gate.pass() }
            return thread
        }
        try await eventually { gates.allSatisfy(\.isReached) }
        for gate in gates { gate.open() }
        for thread in threads { #expect(await result(on: thread) { 1 } == 1) }
    }

    @Test func `does what it was given before its owner forgot it, and takes the thread with it`() async throws {
        let notes = Notes<Int>()
        var thread: WorkThread? = WorkThread()
        // Named as the system shows it.
        thread?.run { try? Data("worker-b".utf8).write(to: URL(filePath: "/proc/thread-self/comm")) }
        // While other threads end, the list may miss one.
        try await eventually { try threads().contains("worker-b") }
        thread?.run { notes.add(1) }
        thread = nil
        try await eventually { try !threads().contains("worker-b") }
        #expect(notes.all == [1])
    }

    private func threads() throws -> Set<String> {
        let folder = "/proc/self/task"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).compactMap { thread in
            // Because a thread may end between the two calls, some have no name any more.
            FileManager.default.contents(atPath: "\(folder)/\(thread)/comm")
        }
        return Set(names.map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .newlines) })
    }
}
