import Foundation

/// How far long work has come, how fast it goes and how long it will take.
struct TimedProgress: Sendable {
    private let line: ProgressLine
    private let began = ContinuousClock.now

    init(_ what: String) {
        line = ProgressLine(what)
    }

    /// - Parameter total: nil where nobody knows.
    func show(_ done: Int, of total: Int?) {
        line.show(done, of: max(done, total ?? done), Self.pace(done, of: total, in: ContinuousClock.now - began))
    }

    func finish() { line.finish() }

    /// `1200/min, 3 min left`
    static func pace(_ done: Int, of total: Int?, in time: Duration) -> String {
        let seconds = time.inSeconds
        guard done > 0, seconds >= 1 else { return "" }
        let perMinute = Double(done) * 60 / seconds
        let rate = "\(Int(min(perMinute, 1e9).rounded()))/min"
        guard let total, total > done else { return rate }
        let left = Double(total - done) / perMinute
        return "\(rate), " + (left < 1 ? "under a minute left" : "\(Int(min(left, 1e6).rounded(.up))) min left")
    }
}
