package import CoreMetrics
internal import Synchronization

/// Keeps what the process counts, for Prometheus to fetch.
///
/// A family has one kind and one set of label names, those of its first use; a use that disagrees, and series beyond
/// `seriesPerFamily`, are counted in `metrics_refused_total` and not shown, so that no label can fill the memory.
package final class PrometheusRegistry: Sendable {
    private let families = Mutex<[String: Family]>([:])
    private let beforeScrape = Mutex<[@Sendable () -> Void]>([])
    private let refused = NumberCell()
    private let seriesPerFamily: Int

    package init(seriesPerFamily: Int = 500) {
        self.seriesPerFamily = seriesPerFamily
        describe("metrics_refused_total", "Uses of metrics that contradict an earlier use, or have too many series.")
        families.withLock { families in
            families["metrics_refused_total", default: Family()].kind = .counter
            families["metrics_refused_total", default: Family()].series[Labels()] = .number(refused)
        }
    }

    /// Sets the help text, and for durations and other distributions the upper bounds, of a family.
    ///
    /// Comes before the first use; later buckets are not taken.
    package func describe(_ name: String, _ help: String, buckets: [Double]? = nil) {
        families.withLock { families in
            var family = families[name] ?? Family()
            family.help = help
            if let buckets, family.series.isEmpty { family.buckets = buckets.filter(\.isFinite).sorted() }
            families[name] = family
        }
    }

    /// Runs at each scrape before the text is made: for gauges that are looked up rather than kept.
    package func atScrape(_ body: @escaping @Sendable () -> Void) {
        beforeScrape.withLock { $0.append(body) }
    }

    /// Everything in the text format 0.0.4, families by name, series by labels.
    package func text() -> String {
        for body in beforeScrape.withLock({ $0 }) { body() }
        var text = PrometheusText()
        for (name, family) in families.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
            guard let kind = family.kind else { continue }
            text.begin(name, kind: kind, help: family.help ?? "")
            for (labels, cell) in family.series.sorted(by: { $0.key < $1.key }) {
                switch cell {
                case .number(let number): text.sample(name, labels, number.value)
                case .histogram(let histogram): text.histogram(name, labels, histogram.snapshot)
                }
            }
        }
        return text.text
    }

    // MARK: Families

    enum Kind: String { case counter, gauge, histogram }

    private enum Cell {
        case number(NumberCell)
        case histogram(HistogramCell)
    }

    private struct Family {
        var kind: Kind?
        var help: String?
        var buckets: [Double] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
        var series: [Labels: Cell] = [:]
    }

    private func number(_ kind: Kind, _ name: String, _ labels: [(String, String)]) -> NumberCell {
        guard case .number(let cell) = cell(kind, name, labels) else { return NumberCell() }
        return cell
    }

    private func histogram(_ name: String, _ labels: [(String, String)]) -> HistogramCell {
        guard case .histogram(let cell) = cell(.histogram, name, labels) else { return HistogramCell(bounds: []) }
        return cell
    }

    /// Nil where the use is refused: the caller then counts into the void.
    private func cell(_ kind: Kind, _ name: String, _ pairs: [(String, String)]) -> Cell? {
        let labels = Labels(pairs)
        return families.withLock { families in
            let name = PrometheusText.name(name)
            var family = families[name] ?? Family()
            if let cell = family.series[labels], family.kind == kind { return cell }

            let agrees = family.series.keys.first.map { $0.names == labels.names } ?? true
            guard family.kind ?? kind == kind, agrees, family.series.count < seriesPerFamily, labels.areDistinct else {
                refused.add(1)
                return nil
            }
            let cell: Cell =
                kind == .histogram ? .histogram(HistogramCell(bounds: family.buckets)) : .number(NumberCell())
            family.kind = kind
            family.series[labels] = cell
            families[name] = family
            return cell
        }
    }
}

/// How swift-metrics reaches us. Durations are shown in seconds: name them `…_seconds`.
extension PrometheusRegistry: MetricsFactory {
    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        CounterHandle(cell: number(.counter, label, dimensions))
    }

    package func makeFloatingPointCounter(
        label: String,
        dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        CounterHandle(cell: number(.counter, label, dimensions))
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        GaugeHandle(cell: number(.gauge, label, dimensions))
    }

    package func makeRecorder(
        label: String,
        dimensions: [(String, String)],
        aggregate: Bool
    ) -> any RecorderHandler {
        aggregate
            ? HistogramHandle(cell: histogram(label, dimensions))
            : GaugeHandle(cell: number(.gauge, label, dimensions))
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        HistogramHandle(cell: histogram(label, dimensions))
    }

    // Because a series that came and went would look like a restart, handlers go and their numbers stay.
    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}
}
