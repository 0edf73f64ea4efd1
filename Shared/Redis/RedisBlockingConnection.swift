import NIOCore

/// A connection of its own for commands that wait at the server: `BLPOP`, `XREAD BLOCK`, `WAIT`.
///
/// It is not made again: after any error but one of the server, get a new one. Cancelling a call closes it, and an element
/// that the server handed out at that moment is lost with it. So block for a wake-up, and take the work itself by other means.
package final class RedisBlockingConnection: Sendable {
    private let wire: Wire
    private let loop: any EventLoop
    private let configuration: RedisConfiguration

    init(
        _ wire: Wire,
        on loop: any EventLoop,
        configuration: RedisConfiguration,
        ended: @escaping @Sendable () -> Void
    ) {
        self.wire = wire
        self.loop = loop
        self.configuration = configuration
        loop.execute {
            guard wire.isOpen else { return ended() }
            wire.onEvent = { event in
                if case .closed = event { ended() }
            }
        }
    }

    deinit {
        close()
    }

    /// Sends one command. `timeout` is how long the server was told to block, nil for ever; beyond it the answer is given
    /// the usual `commandTimeout`, then the connection is closed.
    @discardableResult
    package func call(_ command: [RedisArgument], timeout: Duration?) async throws(RedisError) -> RedisValue {
        guard !command.isEmpty else { throw .emptyCommand }
        let patience = timeout.map { $0 + configuration.commandTimeout } ?? .seconds(100 * 365 * 86_400)
        let call = Call(command, within: patience)
        let wire = wire
        let alarm = loop.scheduleTask(deadline: call.deadline) {
            call.fail(.timedOut)
            wire.close(.outcomeUnknown)
        }
        defer { alarm.cancel() }
        let answer = try await call.result(
            submit: { call in loop.execute { _ = wire.send(CollectionOfOne(call)) } },
            cancelled: wire.closeFromAnywhere
        )
        if case .error(let text) = answer { throw RedisError(reply: text) }
        return answer
    }

    /// Ends it at once; a call under way fails with `outcomeUnknown`.
    package func close() {
        wire.closeFromAnywhere()
    }
}
