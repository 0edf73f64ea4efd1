internal import Synchronization

/// Whether this process can do its work, asked by whoever sends it work.
package final class Health: Sendable {
    private let checks: [ReadinessCheck]
    private let deadline: Duration
    private let state = Mutex(State())

    private struct State {
        var isDraining = false
        var latest: (readiness: Readiness, at: ContinuousClock.Instant)?
        var running: Task<Readiness, Never>?
    }

    /// - Parameter deadline: what one check may take before it counts as failed.
    package init(_ checks: [ReadinessCheck], deadline: Duration = .seconds(2)) {
        self.checks = checks
        self.deadline = deadline
    }

    /// From now on not ready: the process is on its way out, though its sockets are still open.
    package func startDraining() {
        state.withLock { $0.isDraining = true }
    }

    /// All checks at once; an answer is kept for a second, and who asks meanwhile shares it.
    package func readiness() async -> Readiness {
        let task: Task<Readiness, Never>? = state.withLock { state in
            if let latest = state.latest, latest.at.duration(to: .now) < .seconds(1) { return nil }
            if let running = state.running { return running }
            let task = Task { await self.runChecks() }
            state.running = task
            return task
        }
        var readiness = await task?.value ?? state.withLock { $0.latest?.readiness } ?? Readiness(checks: [])
        if state.withLock({ $0.isDraining }) {
            readiness.checks.append(.init(name: "process", state: .failed("it is shutting down", fix: "nothing to do")))
        }
        return readiness
    }

    private func runChecks() async -> Readiness {
        let results = await withTaskGroup(of: (Int, Readiness.Check).self) { group in
            for (index, check) in checks.enumerated() {
                group.addTask { (index, .init(name: check.name, state: await self.run(check))) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let readiness = Readiness(checks: results.sorted { $0.0 < $1.0 }.map(\.1))
        state.withLock {
            $0.latest = (readiness, .now)
            $0.running = nil
        }
        return readiness
    }

    private func run(_ check: ReadinessCheck) async -> CheckState {
        await withTaskGroup(of: CheckState.self) { group in
            group.addTask { await check.run() }
            group.addTask { [deadline] in
                // Because the only way out of this sleep but its end is cancellation, and then nobody listens.
                try? await Task.sleep(for: deadline)
                return .failed("no answer within \(deadline)", fix: "look whether it is overloaded or unreachable")
            }
            let first = await group.next() ?? .passed
            group.cancelAll()
            return first
        }
    }
}

/// One thing that must be so before work is taken.
package struct ReadinessCheck: Sendable {
    package let name: String
    let run: @Sendable () async -> CheckState

    /// - Parameter run: is cancelled when it takes too long; then it must return.
    package init(_ name: String, _ run: @escaping @Sendable () async -> CheckState) {
        self.name = name
        self.run = run
    }
}

package enum CheckState: Sendable, Hashable {
    case passed
    /// Ready all the same: what could not be found out is said, no more.
    case unknown(String)
    /// Why, and what the operator does about it. Neither holds secrets or addresses with passwords.
    case failed(String, fix: String)
}

/// The answer of `/readyz`.
package struct Readiness: Sendable, Hashable, Encodable {
    package var checks: [Check]

    package struct Check: Sendable, Hashable {
        package var name: String
        package var state: CheckState
    }

    package var isReady: Bool {
        checks.allSatisfy {
            if case .failed = $0.state { false } else { true }
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(isReady, forKey: .ready)
        try container.encode(checks, forKey: .checks)
    }

    private enum CodingKeys: CodingKey { case ready, checks }
}

extension Readiness.Check: Encodable {
    private enum CodingKeys: CodingKey { case name, state, reason, fix }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        switch state {
        case .passed:
            try container.encode("passed", forKey: .state)
        case .unknown(let reason):
            try container.encode("unknown", forKey: .state)
            try container.encode(reason, forKey: .reason)
        case .failed(let reason, let fix):
            try container.encode("failed", forKey: .state)
            try container.encode(reason, forKey: .reason)
            try container.encode(fix, forKey: .fix)
        }
    }
}
