package import NIOCore

/// How long to wait before the next try to connect.
package struct Backoff: Sendable {
    /// No wait is longer, however often it failed.
    package var longest: TimeAmount

    package init(longest: TimeAmount) {
        self.longest = longest
    }

    /// Twice as long after every failure, from 50 ms (`failures` = 0: a connection that worked was lost).
    ///
    /// Because many processes lose the same server at the same moment, they must not all come back at once: the result lies
    /// anywhere in the upper half.
    package func pause(after failures: Int, using random: inout some RandomNumberGenerator) -> TimeAmount {
        let doubled = TimeAmount.milliseconds(50) * (1 << min(max(failures, 0), 20))
        let full = max(.milliseconds(1), min(longest, doubled)).nanoseconds
        return .nanoseconds(.random(in: full / 2...full, using: &random))
    }

    /// When somebody waits for the server: one that is back is found within a second, however long it was away.
    package func pauseInAHurry(using random: inout some RandomNumberGenerator) -> TimeAmount {
        min(longest, .milliseconds(.random(in: 500...1000, using: &random)))
    }
}
