import Synchronization

/// Wakes one waiting task. Rung while nobody waits, it is heard by the next who does.
final class Bell: Sendable {
    private enum State {
        case silent
        case rung
        case awaited(CheckedContinuation<Void, Never>)
    }

    private let state = Mutex(State.silent)

    func ring() {
        let waiting: CheckedContinuation<Void, Never>? = state.withLock { state in
            switch state {
            case .silent:
                state = .rung
                return nil
            case .rung:
                return nil
            case .awaited(let continuation):
                state = .silent
                return continuation
            }
        }
        waiting?.resume()
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isRung = state.withLock { state in
                if case .rung = state {
                    state = .silent
                    return true
                }
                state = .awaited(continuation)
                return false
            }
            if isRung { continuation.resume() }
        }
    }

    func wait(atMost duration: Duration) async {
        let timer = Task {
            // Because a cancelled timer has nothing to ring for.
            guard (try? await Task.sleep(for: duration)) != nil else { return }
            ring()
        }
        await wait()
        timer.cancel()
    }
}

/// Growing pauses between tries: from 50 ms, doubled, each shortened by up to half so that workers do not come back as one.
struct Pauses {
    let longest: Duration
    private var next = Duration.milliseconds(50)

    init(upTo longest: Duration) { self.longest = longest }

    mutating func pause() -> Duration {
        defer { next = min(next * 2, longest) }
        return min(next, longest) * Double.random(in: 0.5...1)
    }

    mutating func reset() { next = .milliseconds(50) }
}
