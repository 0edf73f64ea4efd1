package import Foundation

// The queue counts in whole milliseconds since 1970, as Redis does.

extension Duration {
    /// Whole milliseconds, rounded down, never out of range.
    var milliseconds: Int {
        let (seconds, attoseconds) = components
        let limit = Int64(1) << 52
        let whole = min(max(seconds, -limit / 1000), limit / 1000)
        return Int(whole * 1000 + attoseconds / 1_000_000_000_000_000)
    }
}

extension Date {
    /// Whole milliseconds since 1970, rounded down; far dates are brought into range.
    package var milliseconds: Int {
        // Because a Date counts from 2001, what was made of whole milliseconds may be a little less than they were.
        let ms = (timeIntervalSince1970 * 1000 + 0.001).rounded(.down)
        let limit = Double(Int64(1) << 52)
        // Because a Double outside the range of Int traps, and NaN has no range.
        return ms.isNaN ? 0 : Int(min(max(ms, -limit), limit))
    }

    package init(milliseconds: Int) {
        self.init(timeIntervalSince1970: Double(milliseconds) / 1000)
    }
}
