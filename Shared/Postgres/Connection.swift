/// One connection on a thread of its own.
actor Connection {
    /// What became of a use of the connection.
    enum Outcome<Value: Sendable> {
        case finished(Result<Value, any Error>, isUsable: Bool)
        /// The connection had died while it lay idle; nothing was done.
        case stale
    }

    nonisolated let interrupt: Interrupt
    nonisolated let expires: ContinuousClock.Instant
    private nonisolated let thread = ThreadExecutor()
    private let configuration: PostgresConfiguration
    private var wire: Wire?

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(_ configuration: PostgresConfiguration) throws(PostgresError) {
        self.configuration = configuration
        interrupt = try Interrupt()
        // Spread out, so that connections made together aren't replaced together.
        expires = .now + configuration.connectionLifetime * Double.random(in: 0.75...1)
    }

    func open() throws(PostgresError) {
        wire = try Wire(configuration, interrupt: interrupt)
    }

    func use<Value: Sendable>(_ work: @Sendable (Wire) throws -> Value) -> Outcome<Value> {
        guard let wire, wire.isUsable else { return .stale }
        do {
            let value = try work(wire)
            return .finished(.success(value), isUsable: wire.isUsable)
        } catch is NotBegun {
            return .stale
        } catch {
            return .finished(.failure(error), isUsable: wire.isUsable)
        }
    }

    func close() {
        wire?.close()
        wire = nil
    }
}
