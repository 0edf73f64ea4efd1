internal import CoreMetrics
internal import Synchronization

/// One number of one series.
final class NumberCell: Sendable {
    private let number = Mutex(0.0)

    var value: Double { number.withLock { $0 } }
    func add(_ amount: Double) { number.withLock { $0 += amount } }
    func set(_ value: Double) { number.withLock { $0 = value } }
}

/// One distribution of one series.
final class HistogramCell: Sendable {
    private let state: Mutex<Snapshot>

    struct Snapshot {
        /// Upper bounds, ascending, without infinity.
        let bounds: [Double]
        /// One for each bound and one for what lies above; not cumulative.
        var counts: [Int]
        var sum = 0.0
    }

    init(bounds: [Double]) {
        state = Mutex(Snapshot(bounds: bounds, counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    var snapshot: Snapshot { state.withLock { $0 } }

    func observe(_ value: Double) {
        guard !value.isNaN else { return }
        state.withLock { state in
            let index = state.bounds.firstIndex { value <= $0 } ?? state.bounds.count
            state.counts[index] += 1
            state.sum += value
        }
    }
}

final class CounterHandle: CounterHandler, FloatingPointCounterHandler {
    private let cell: NumberCell

    init(cell: NumberCell) {
        self.cell = cell
    }

    func increment(by amount: Int64) { increment(by: Double(amount)) }

    func increment(by amount: Double) {
        guard amount >= 0 else { return }  // a counter only grows
        cell.add(amount)
    }

    func reset() { cell.set(0) }
}

final class GaugeHandle: MeterHandler, RecorderHandler {
    private let cell: NumberCell

    init(cell: NumberCell) {
        self.cell = cell
    }

    func set(_ value: Int64) { cell.set(Double(value)) }
    func set(_ value: Double) { cell.set(value) }
    func increment(by amount: Double) { cell.add(amount) }
    func decrement(by amount: Double) { cell.add(-amount) }
    func record(_ value: Int64) { cell.set(Double(value)) }
    func record(_ value: Double) { cell.set(value) }
}

final class HistogramHandle: TimerHandler, RecorderHandler {
    private let cell: HistogramCell

    init(cell: HistogramCell) {
        self.cell = cell
    }

    func recordNanoseconds(_ duration: Int64) { cell.observe(Double(duration) / 1e9) }
    func record(_ value: Int64) { cell.observe(Double(value)) }
    func record(_ value: Double) { cell.observe(value) }
}
