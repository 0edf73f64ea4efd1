import Foundation
import TestKit
import Testing

@testable import Postgres

@Suite struct `An actor on a thread of its own` {
    private actor Counter {
        private let executor = ThreadExecutor()
        private var count = 0

        nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

        func add() -> (count: Int, thread: pthread_t) {
            count += 1
            return (count, pthread_self())
        }

        func pass(_ gate: Gate) { gate.pass() }

        /// Names the thread as the system shows it.
        func name(_ name: String) throws {
            try Data(name.utf8).write(to: URL(filePath: "/proc/thread-self/comm"))
        }
    }

    @Test func `does everything there, one thing after another`() async {
        let counter = Counter()
        let thread = await counter.add().thread
        await withTaskGroup { group in
            for _ in 0..<1_000 { group.addTask { await counter.add().thread } }
            let strangers = await group.reduce(into: 0) { if $1 != thread { $0 += 1 } }
            #expect(strangers == 0)
        }
        #expect(await counter.add().count == 1_002)
    }

    @Test func `may block while others work`() async throws {
        let gates = (0..<8).map { _ in Gate() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for gate in gates { group.addTask { await Counter().pass(gate) } }
            try await eventually { gates.allSatisfy(\.isReached) }
            for gate in gates { gate.open() }
            try await group.waitForAll()
        }
    }

    @Test func `takes its thread with it`() async throws {
        var counter: Counter? = Counter()
        try await counter?.name("counter-b")
        // While other threads end, the list may miss one.
        try await eventually { try threads().contains("counter-b") }
        #expect(await counter?.add().count == 1)
        counter = nil
        try await eventually { try !threads().contains("counter-b") }
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
