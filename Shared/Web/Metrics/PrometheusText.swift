/// The labels of one series, by name.
struct Labels: Hashable, Comparable {
    private(set) var pairs: [Pair] = []

    struct Pair: Hashable {
        var name: String
        var value: String
    }

    init() {}

    init(_ pairs: [(String, String)]) {
        self.pairs = pairs.map { Pair(name: PrometheusText.labelName($0.0), value: $0.1) }.sorted { $0.name < $1.name }
    }

    var names: [String] { pairs.map(\.name) }
    var areDistinct: Bool { Set(names).count == names.count }

    static func < (a: Labels, b: Labels) -> Bool {
        a.pairs.map(\.value).lexicographicallyPrecedes(b.pairs.map(\.value))
    }
}

/// Writes the Prometheus text format.
///
/// Source: Prometheus, "Exposition formats", text format 0.0.4.
struct PrometheusText {
    private(set) var text = ""

    mutating func begin(_ name: String, kind: PrometheusRegistry.Kind, help: String) {
        text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
    }

    mutating func sample(_ name: String, _ labels: Labels, bound: Double? = nil, _ value: Double) {
        var pairs = labels.pairs.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }
        if let bound { pairs.append("le=\"\(Self.number(bound))\"") }
        let list = pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}"
        text += "\(name)\(list) \(Self.number(value))\n"
    }

    mutating func histogram(_ name: String, _ labels: Labels, _ histogram: HistogramCell.Snapshot) {
        var total = 0
        for (bound, count) in zip(histogram.bounds + [.infinity], histogram.counts) {
            total += count
            sample(name + "_bucket", labels, bound: bound, Double(total))
        }
        sample(name + "_sum", labels, histogram.sum)
        sample(name + "_count", labels, Double(total))
    }

    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`; anything else becomes an underscore.
    static func name(_ name: String) -> String {
        let clean = String(name.unicodeScalars.map { isNameScalar($0) || $0 == ":" ? Character($0) : "_" })
        return clean.first.map { $0.isNumber } ?? true ? "_" + clean : clean
    }

    /// As `name`, but without colons; `le` and names that begin with two underscores are taken.
    static func labelName(_ name: String) -> String {
        let clean = self.name(name).replacing(":", with: "_")
        return clean == "le" || clean.hasPrefix("__") ? "label_" + clean : clean
    }

    private static func isNameScalar(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_": true
        default: false
        }
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if let whole = Int64(exactly: value) { return String(whole) }
        return String(value)
    }
}
