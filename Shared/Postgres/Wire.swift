import CLibPQ
import Foundation

/// One connection of libpq, driven without blocking so that every wait has an end.
///
/// Only its connection's thread uses it. After a failure that leaves the protocol in doubt it is closed and stays so.
final class Wire {
    private(set) var handle: OpaquePointer?
    let interrupt: Interrupt
    let answerGrace: Duration
    /// How long the server may work on a statement; the server knows it too.
    var statementTimeout: Duration?
    /// Whether nobody else may have the connection: a request to cancel may arrive late and hit the next statement, or
    /// the session isn't what it was.
    var isDoubtful = false
    var statements: StatementCache

    /// Connects, or throws `connect`.
    init(_ configuration: PostgresConfiguration, interrupt: Interrupt) throws(PostgresError) {
        self.interrupt = interrupt
        answerGrace = configuration.answerGrace
        statementTimeout = configuration.statementTimeout
        statements = StatementCache(limit: configuration.statementCacheSize)
        handle = Self.start(configuration.startParameters)
        guard let handle else { throw .connect(sqlstate: nil, reason: "out of memory") }
        // Notices would go to stderr.
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        // Makes the failure's SQLSTATE part of its message, the only place where libpq has it.
        PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
        do throws(PostgresError) {
            try connect(handle, until: .now + configuration.connectTimeout)
        } catch {
            close()
            throw error
        }
        PQsetnonblocking(handle, 1)
    }

    deinit {
        close()
    }

    /// Idle, in step with the server, and nothing has arrived that nobody asked for.
    var isUsable: Bool {
        guard let handle, !isDoubtful, PQstatus(handle) == CONNECTION_OK,
            PQtransactionStatus(handle) == PQTRANS_IDLE
        else { return false }
        // What comes unasked is a notice or the end: the server shut down or was restarted.
        return wait(on: handle, for: POLLIN, until: .now, watchingInterrupt: false) == .late
    }

    var isInTransaction: Bool {
        handle.map { PQtransactionStatus($0) == PQTRANS_INTRANS } ?? false
    }

    var isOpen: Bool {
        handle.map { PQstatus($0) == CONNECTION_OK } ?? false
    }

    /// Closes at once; never waits for the server.
    func close() {
        guard let handle else { return }
        // Without this, libpq would try to say good-bye to a server that may not read.
        if PQstatus(handle) != CONNECTION_OK || PQtransactionStatus(handle) == PQTRANS_ACTIVE {
            shutdown(PQsocket(handle), Int32(SHUT_RDWR))
        }
        PQfinish(handle)
        self.handle = nil
    }
}

// MARK: Connecting

extension Wire {
    private static func start(_ parameters: [String: String]) -> OpaquePointer? {
        var keywords = parameters.keys.map { strdup($0) }
        var values = parameters.values.map { strdup($0) }
        defer { (keywords + values).forEach { free($0) } }
        keywords.append(nil)
        values.append(nil)
        return keywords.map { UnsafePointer<CChar>($0) }.withUnsafeBufferPointer { keywords in
            values.map { UnsafePointer<CChar>($0) }.withUnsafeBufferPointer { values in
                PQconnectStartParams(keywords.baseAddress, values.baseAddress, 0)
            }
        }
    }

    private func connect(_ handle: OpaquePointer, until deadline: ContinuousClock.Instant) throws(PostgresError) {
        guard PQstatus(handle) != CONNECTION_BAD else { throw connectFailure(handle) }
        var events = POLLOUT
        while true {
            if wait(on: handle, for: events, until: deadline, watchingInterrupt: false) == .late {
                throw .connect(sqlstate: nil, reason: "the server didn't answer in time")
            }
            switch PQconnectPoll(handle) {
            case PGRES_POLLING_OK: return
            case PGRES_POLLING_READING: events = POLLIN
            case PGRES_POLLING_WRITING: events = POLLOUT
            default: throw connectFailure(handle)
            }
        }
    }

    /// The first line of libpq's message, and the SQLSTATE from its `FATAL:  28P01: …`.
    private func connectFailure(_ handle: OpaquePointer) -> PostgresError {
        let message = PQerrorMessage(handle).map { String(cString: $0) } ?? ""
        let line = message.split(separator: "\n").first.map(String.init) ?? "no reason was given"
        let sqlstate = line.split(separator: " ")
            .first { word in
                word.utf8.count == 6 && word.last == ":" && word.contains(where: \.isNumber)
                    && word.dropLast().allSatisfy { $0.isNumber || $0.isUppercase }
            }
        return .connect(sqlstate: sqlstate.map { String($0.dropLast()) }, reason: line)
    }
}
