import Foundation

/// One connection on a thread of its own.
// Because only that thread uses `wire`.
final class Connection: @unchecked Sendable {
    let interrupt: Interrupt
    let expires: ContinuousClock.Instant
    private let thread = WorkThread()
    private let configuration: PostgresConfiguration
    private var wire: Wire?

    init(_ configuration: PostgresConfiguration) throws(PostgresError) {
        self.configuration = configuration
        interrupt = try Interrupt()
        // Spread out, so that connections made together aren't replaced together.
        expires = .now + configuration.connectionLifetime * Double.random(in: 0.75...1)
    }

    func open() async throws(PostgresError) {
        let failure: PostgresError? = await withCheckedContinuation { continuation in
            thread.run { [self] in
                do throws(PostgresError) {
                    wire = try Wire(configuration, interrupt: interrupt)
                    continuation.resume(returning: nil)
                } catch {
                    continuation.resume(returning: error)
                }
            }
        }
        if let failure { throw failure }
    }

    func close() async {
        await withCheckedContinuation { continuation in
            thread.run { [self] in
                closeHere()
                continuation.resume()
            }
        }
    }

    /// Does `first`, and then whatever `pool` has next for this connection, without leaving the thread.
    func serve(_ first: Errand, of pool: PostgresPool) {
        thread.run { [self] in
            // It may have died while it lay idle.
            var next = isUsable ? pool.perform(first, on: self) : pool.passOn(first, from: self)
            while let errand = next { next = pool.perform(errand, on: self) }
        }
    }

    /// Begins to serve those who wait.
    func begin(in pool: PostgresPool) {
        thread.run { [self] in
            var next = pool.giveBack(self)
            while let errand = next { next = pool.perform(errand, on: self) }
        }
    }
}

// MARK: On its thread

extension Connection {
    var isUsable: Bool { wire?.isUsable ?? false }

    /// What remains to be done to answer the caller; nil if the connection turned out to have died before.
    func perform(_ errand: Errand) -> Errand.Answer? {
        guard let wire else { return nil }
        guard errand.ticket.begin(on: interrupt) else { return errand.fail(with: CancellationError()) }
        return errand.run(wire)
    }

    func closeHere() {
        wire?.close()
        wire = nil
    }
}
