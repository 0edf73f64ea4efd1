package import Foundation
internal import Synchronization

/// The shop's time: the machine's, moved ahead at will so that a renewal need not wait a month. Whole seconds, as
/// ThriveCart counts.
package final class ShopClock: Sendable {
    private let machine: @Sendable () -> Date
    private let ahead = Mutex<TimeInterval>(0)

    /// Ten years: what is further ahead is a slip of the hand.
    package static let furthest: TimeInterval = 3650 * 86_400

    package init(machine: @escaping @Sendable () -> Date = { Date() }) {
        self.machine = machine
    }

    package var now: Date {
        Date(timeIntervalSince1970: (machine().timeIntervalSince1970 + offset).rounded(.down))
    }

    /// Seconds ahead of the machine's clock.
    package var offset: TimeInterval { ahead.withLock { $0 } }

    /// Moves it on. It never goes back behind the machine's clock, and at most ten years ahead.
    package func advance(by seconds: TimeInterval) {
        ahead.withLock { $0 = min(max(0, $0 + seconds), Self.furthest) }
    }
}
