import CLibPQ
import Foundation

/// What a statement is to its transaction: it decides whether it may be cancelled, and what its loss means.
enum Step {
    /// BEGIN, ROLLBACK and savepoints: quick, never cancelled.
    case control
    /// Inside a transaction, so undone when the connection is lost.
    case statement
    /// Outside of one, so it commits by itself.
    case alone
    case commit

    var isCancellable: Bool { self == .statement || self == .alone }

    /// What is known when the connection breaks before the answer.
    var loss: PostgresError { self == .alone || self == .commit ? .outcomeUnknown : .connectionLost }
}

extension Wire {
    /// Runs one or several statements without values; answers with the last one's result.
    @discardableResult
    func script(_ sql: String, _ step: Step) throws(PostgresError) -> WireResult {
        guard !sql.utf8.contains(0) else { throw .value(position: 0, reason: "SQL can't hold a NUL") }
        return try ask(sql, step) { PQsendQuery($0, sql) }
    }

    /// Sends a statement by `send` and waits until it is answered, its time is up, or its task is cancelled.
    func ask(_ sql: String, _ step: Step, _ send: (OpaquePointer) -> Int32) throws(PostgresError) -> WireResult {
        guard let handle, PQstatus(handle) == CONNECTION_OK else { throw .connectionLost }
        if step.isCancellable, interrupt.isCancelled { throw .cancelled }
        let started = ContinuousClock.now
        guard send(handle) == 1 else {
            close()
            throw step.loss
        }

        let (result, wasCancelled) = try answer(handle, step, until: deadline(of: step, from: started))
        guard let result else {
            close()
            throw step.loss
        }
        switch result.status {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            return result
        case PGRES_FATAL_ERROR:
            throw failure(result, handle, sql, step, wasCancelled: wasCancelled, after: .now - started)
        default:
            // COPY and the like: this driver doesn't speak it, and the connection now expects it.
            close()
            throw .server(.init(sqlstate: "0A000", near: Self.excerpt(of: sql, at: 1)))
        }
    }

    private func deadline(of step: Step, from started: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        step == .control ? started + answerGrace : statementTimeout.map { started + $0 + answerGrace }
    }

    /// The last result, or the first that is an error; nil when the connection broke without a word.
    private func answer(
        _ handle: OpaquePointer,
        _ step: Step,
        until limit: ContinuousClock.Instant?
    ) throws(PostgresError) -> (WireResult?, wasCancelled: Bool) {
        var deadline = limit
        var nap = shortestNap(handle)
        var wasCancelled = false
        var isBroken = false
        var answer: WireResult?
        while true {
            let isUnsent = !isBroken && PQflush(handle) == 1
            if isBroken || (!isUnsent && PQisBusy(handle) == 0) {
                guard let pointer = PQgetResult(handle) else { return (answer, wasCancelled) }
                let result = WireResult(pointer)
                if answer?.status != PGRES_FATAL_ERROR { answer = result }
                if result.isCopy { return (result, wasCancelled) }
                continue
            }
            let events = isUnsent ? POLLIN | POLLOUT : POLLIN
            let watches = step.isCancellable && !wasCancelled
            let wakeUp = nap.map { min(deadline ?? .now + $0, .now + $0) } ?? deadline
            switch wait(on: handle, for: events, until: wakeUp, watchingInterrupt: watches) {
            case .ready:
                isBroken = PQconsumeInput(handle) == 0
                nap = shortestNap(handle)
            case .interrupted:
                wasCancelled = true
                isDoubtful = true
                requestCancel(handle)
                deadline = min(deadline ?? .now + answerGrace, .now + answerGrace)
            case .late where deadline.map({ $0 > .now }) ?? true:
                isBroken = PQconsumeInput(handle) == 0
                nap = nap.map { min($0 * 2, .milliseconds(100)) }
            case .late:
                close()
                throw wasCancelled ? .cancelled : step.loss == .outcomeUnknown ? .outcomeUnknown : .timedOut
            }
        }
    }

    /// How long to wait for the socket before looking again all the same; nil where the socket tells everything.
    ///
    /// A TLS record may be larger than what libpq reads at once. The rest then lies in OpenSSL, where poll can't see it.
    /// Servers from Postgres 17 on send such records.
    private func shortestNap(_ handle: OpaquePointer) -> Duration? {
        PQsslInUse(handle) == 1 ? .milliseconds(1) : nil
    }

    private func failure(
        _ result: WireResult,
        _ handle: OpaquePointer,
        _ sql: String,
        _ step: Step,
        wasCancelled: Bool,
        after elapsed: Duration
    ) -> PostgresError {
        let isLost = PQstatus(handle) != CONNECTION_OK
        if isLost { close() }
        guard let sqlstate = result.diagnostic("C"), !(isLost && step.loss == .outcomeUnknown) else {
            return step.loss
        }
        switch sqlstate {
        case "57014" where wasCancelled: return .cancelled
        case "57014": if let statementTimeout, elapsed >= statementTimeout { return .timedOut }
        // A statement that no longer fits the tables or the session, and a primary that became a standby.
        case "0A000", "26000", "25006": isDoubtful = true
        default: break
        }
        let position = result.diagnostic("P").flatMap { Int($0) }
        return .server(
            .init(
                sqlstate: sqlstate,
                constraint: result.diagnostic("n"),
                table: result.diagnostic("t"),
                column: result.diagnostic("c"),
                near: position.map { Self.excerpt(of: sql, at: $0) }
            )
        )
    }

    /// A line's worth of `sql` from a place that Postgres counted in characters from 1.
    private static func excerpt(of sql: String, at position: Int) -> String {
        sql.unicodeScalars.dropFirst(max(0, position - 1)).prefix(60)
            .split { $0.properties.isWhitespace }
            .map { String($0) }
            .joined(separator: " ")
    }

    /// Asks the server to stop what it does, on a thread of its own: a stopped server would keep us waiting here.
    private func requestCancel(_ handle: OpaquePointer) {
        struct Request: @unchecked Sendable {  // Because libpq lets any thread use it, and only one does
            let pointer: OpaquePointer
        }
        guard let pointer = PQgetCancel(handle) else { return }
        let request = Request(pointer: pointer)
        Thread.detachNewThread {
            var complaint = [CChar](repeating: 0, count: 256)
            PQcancel(request.pointer, &complaint, Int32(complaint.count))
            PQfreeCancel(request.pointer)
        }
    }
}

// MARK: Waiting

extension Wire {
    enum Readiness {
        case ready, interrupted, late
    }

    /// Waits until the socket can be read or written, the task is cancelled, or it is too late.
    func wait(
        on handle: OpaquePointer,
        for events: Int32,
        until deadline: ContinuousClock.Instant?,
        watchingInterrupt: Bool
    ) -> Readiness {
        let socket = PQsocket(handle)
        // libpq has closed it; its next call says so.
        guard socket >= 0 else { return .ready }
        return withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 2) { descriptors in
            descriptors[0] = pollfd(fd: socket, events: Int16(events), revents: 0)
            descriptors[1] = pollfd(fd: watchingInterrupt ? interrupt.readEnd : -1, events: Int16(POLLIN), revents: 0)
            while true {
                let left = deadline.map { Int32(clamping: ($0 - .now).milliseconds) } ?? -1
                let count = poll(descriptors.baseAddress, 2, left)
                if count < 0, errno == EINTR { continue }
                if count == 0 {
                    // A wait longer than poll can count comes round again.
                    if let deadline, deadline > .now { continue }
                    return .late
                }
                // An answer that is here is better than a cancellation.
                return count > 0 && descriptors[0].revents == 0 ? .interrupted : .ready
            }
        }
    }
}

extension WireResult {
    var isCopy: Bool {
        switch status {
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH: true
        default: false
        }
    }
}
