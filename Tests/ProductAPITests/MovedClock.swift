import Foundation
import Synchronization

/// The machine's time, moved.
final class MovedClock: Sendable {
    private let shift = Mutex<TimeInterval>(0)

    var now: Date { .now + shift.withLock { $0 } }

    func move(by seconds: TimeInterval) {
        shift.withLock { $0 += seconds }
    }
}
