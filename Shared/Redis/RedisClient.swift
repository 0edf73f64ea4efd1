package import Logging
package import NIOCore
import NIOPosix
import Synchronization

/// One connection for a whole process: calls from many tasks go out together, and a lost connection is made again.
///
/// It begins to connect at once and never gives up; a call made meanwhile waits until its deadline. Commands that change the
/// connection for all (`SELECT`, `SUBSCRIBE`, `MONITOR`, `CLIENT REPLY`, `MULTI` without its `EXEC` in the same pipeline)
/// or that block (`BLPOP`, `XREAD BLOCK`) must not be called here, see `blockingConnection()`.
package final class RedisClient: Sendable {
    package let configuration: RedisConfiguration
    private let multiplexer: Multiplexer
    private let connector: Connector
    private let group: any EventLoopGroup
    private let ownConnections = Mutex(OwnConnections())
    /// Nil when one server has all keys.
    private let router: ClusterRouter?

    private struct OwnConnections {
        var wires: [ObjectIdentifier: Wire] = [:]
        var isClosed = false
    }

    package init(
        _ configuration: RedisConfiguration,
        on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        logger: Logger
    ) {
        self.configuration = configuration
        self.group = group
        connector = Connector(configuration)
        multiplexer = Multiplexer(connector, on: group.next(), logger: logger)
        router = configuration.isCluster ? ClusterRouter(configuration, on: group, logger: logger) : nil
        multiplexer.start()
    }

    deinit {
        multiplexer.close()
    }

    /// True while a connection stands that the server has answered on. For readiness; a call need not ask.
    package var isConnected: Bool { router?.isConnected ?? multiplexer.isConnected }

    /// Sends one command and waits for its answer, at most for `deadline` (`commandTimeout` when nil).
    ///
    /// An error that is the whole answer is thrown as `RedisError.server`. When the deadline or a cancellation comes after
    /// the command was written, `outcomeUnknown` is thrown; the connection stays, and the late answer is dropped.
    @discardableResult
    package func call(_ command: [RedisArgument], deadline: Duration? = nil) async throws(RedisError) -> RedisValue {
        guard !command.isEmpty else { throw .emptyCommand }
        if let router { return try await router.call(command, deadline: deadline) }
        let call = Call(command, within: deadline ?? configuration.commandTimeout)
        let answer = try await call.result(submit: multiplexer.submit)
        if case .error(let text) = answer { throw RedisError(reply: text) }
        return answer
    }

    /// Sends all commands together, nothing of others in between, and waits for all answers. One that the server refuses
    /// fails alone.
    package func pipeline(
        _ commands: [[RedisArgument]],
        deadline: Duration? = nil
    ) async throws(RedisError) -> [Result<RedisValue, RedisError>] {
        guard commands.allSatisfy({ !$0.isEmpty }) else { throw .emptyCommand }
        guard !commands.isEmpty else { return [] }
        if let router { return try await router.pipeline(commands, deadline: deadline) }
        let call = Call(pipeline: commands, within: deadline ?? configuration.commandTimeout)
        let answers = try await call.result(submit: multiplexer.submit).array ?? []
        return answers.map { answer in
            if case .error(let text) = answer { .failure(RedisError(reply: text)) } else { .success(answer) }
        }
    }

    /// Runs a script by its hash. A server that does not know it is sent the source, once, and knows it from then on.
    @discardableResult
    package func evaluate(
        _ script: RedisScript,
        keys: [String],
        arguments: [RedisArgument] = [],
        deadline: Duration? = nil
    ) async throws(RedisError) -> RedisValue {
        var command: [RedisArgument] = ["EVALSHA", .text(script.sha1), .int(keys.count)]
        command.reserveCapacity(3 + keys.count + arguments.count)
        for key in keys { command.append(.text(key)) }
        command.append(contentsOf: arguments)
        let start = ContinuousClock.now
        let patience = deadline ?? configuration.commandTimeout
        do {
            return try await call(command, deadline: patience)
        } catch {
            guard error.code == "NOSCRIPT" else { throw error }
        }
        command[0] = "EVAL"
        command[1] = .text(script.source)
        return try await call(command, deadline: patience - (ContinuousClock.now - start))
    }

    /// A connection of its own, for commands that block on one key. Tried once; the caller decides when to try again.
    package func blockingConnection(for key: String = "") async throws(RedisError) -> RedisBlockingConnection {
        if let router { return try await router.blockingConnection(for: key) }
        let loop = group.next()
        let wire: Wire
        do {
            wire = try await connector.connect(on: loop).get()
        } catch {
            throw error as? RedisError ?? .connect(Connector.reason(error))
        }
        let id = ObjectIdentifier(wire)
        let isClosed = ownConnections.withLock { own in
            if !own.isClosed { own.wires[id] = wire }
            return own.isClosed
        }
        let connection = RedisBlockingConnection(wire, on: loop, configuration: configuration) { [weak self] in
            self?.ownConnections.withLock { _ = $0.wires.removeValue(forKey: id) }
        }
        if isClosed {
            connection.close()
            throw .closed
        }
        return connection
    }

    /// Takes no more calls and closes when those under way have their answers or deadlines. What cannot be written because
    /// there is no connection fails with `closed`; blocking connections are closed at once.
    package func close() async {
        let wires = ownConnections.withLock { own in
            own.isClosed = true
            return own.wires.values.map { $0 }
        }
        for wire in wires { wire.closeFromAnywhere() }
        multiplexer.close()
        await router?.close()
        // Because the promise is only ever succeeded; a loop that is shut down has nothing left to wait for.
        try? await multiplexer.ended.futureResult.get()
    }
}
