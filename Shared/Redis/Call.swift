import NIOCore
import Synchronization

/// A command, or several that go out together, on the way to their answer.
///
/// Whatever ends it – answer, deadline, cancellation, a broken connection – comes through `finish`, and only the first
/// counts. What is not marked otherwise is touched on the event loop alone.
final class Call: @unchecked Sendable {
    private enum Phase {
        case new
        case waiting(CheckedContinuation<Result<RedisValue, RedisError>, Never>)
        /// The bytes are on their way: from here on a failure leaves the outcome unknown.
        case written(CheckedContinuation<Result<RedisValue, RedisError>, Never>)
        case finished
    }

    /// How many answers belong to it.
    let count: Int
    /// An upper bound of its bytes on the wire.
    let weight: Int
    /// After this nobody waits for it.
    let deadline: NIODeadline
    /// When its bytes were handed to the channel.
    private(set) var writtenAt = NIODeadline.distantPast
    private var commands: [[RedisArgument]]
    private let isPipeline: Bool
    private var answers: [RedisValue] = []
    /// From any thread.
    private let phase = Mutex(Phase.new)

    init(_ command: [RedisArgument], within patience: Duration) {
        count = 1
        weight = ByteBuffer.weight(of: command)
        deadline = .now() + TimeAmount(clamping: patience)
        commands = [command]
        isPipeline = false
    }

    /// The answer is an array of the commands' answers.
    init(pipeline commands: [[RedisArgument]], within patience: Duration) {
        count = commands.count
        weight = commands.reduce(0) { $0 + ByteBuffer.weight(of: $1) }
        deadline = .now() + TimeAmount(clamping: patience)
        self.commands = commands
        isPipeline = true
    }

    /// Waits for the end, having given the call to `submit`. A cancelled task does not wait any longer.
    func result(
        submit: (Call) -> Void,
        cancelled: @escaping @Sendable () -> Void = {}
    ) async throws(RedisError) -> RedisValue {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if begin(continuation) {
                    submit(self)
                } else {
                    continuation.resume(returning: .failure(.cancelled))
                }
            }
        } onCancel: {
            fail(.cancelled)
            cancelled()
        }
        return try result.get()
    }

    /// From any thread. False when it was cancelled before it began.
    private func begin(_ continuation: CheckedContinuation<Result<RedisValue, RedisError>, Never>) -> Bool {
        phase.withLock { phase in
            guard case .new = phase else { return false }
            phase = .waiting(continuation)
            return true
        }
    }

    /// Writes it, unless nobody waits for it any more; then false.
    func write(to buffer: inout ByteBuffer) -> Bool {
        let isWanted = phase.withLock { phase in
            guard case .waiting(let continuation) = phase else { return false }
            phase = .written(continuation)
            return true
        }
        guard isWanted else { return false }
        for command in commands { buffer.writeCommand(command) }
        commands = []
        writtenAt = .now()
        return true
    }

    /// Takes one of its answers. With the last of them it returns what the caller is to be told by `succeed`.
    func receive(_ answer: RedisValue) -> RedisValue? {
        guard isPipeline else { return answer }
        answers.append(answer)
        return answers.count == count ? .array(answers) : nil
    }

    func succeed(_ answer: RedisValue) {
        finish(.success(answer))
    }

    /// From any thread. Ends it with `error`, or with `outcomeUnknown` where that is nearer to the truth.
    func fail(_ error: RedisError) {
        finish(.failure(error))
    }

    /// From any thread. Somebody still waits for it.
    var isWanted: Bool {
        phase.withLock { phase in
            switch phase {
            case .new, .waiting, .written: true
            case .finished: false
            }
        }
    }

    private func finish(_ result: Result<RedisValue, RedisError>) {
        let (continuation, wasWritten) = phase.withLock { phase in
            defer { phase = .finished }
            switch phase {
            case .new, .finished: return (CheckedContinuation<Result<RedisValue, RedisError>, Never>?.none, false)
            case .waiting(let continuation): return (continuation, false)
            case .written(let continuation): return (continuation, true)
            }
        }
        if case .failure(let error) = result, wasWritten, !error.outcomeIsUnknown {
            continuation?.resume(returning: .failure(.outcomeUnknown))
        } else {
            continuation?.resume(returning: result)
        }
    }
}

extension TimeAmount {
    /// At most a hundred years, so that no sum of times overflows.
    init(clamping duration: Duration) {
        let longest = Duration.seconds(100 * 366 * 86_400)
        self = TimeAmount(Swift.max(.zero, Swift.min(duration, longest)))
    }
}
