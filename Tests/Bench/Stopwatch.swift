import Foundation

/// Wall time and CPU time of a piece of work.
struct Stopwatch {
    private let wall = ContinuousClock.now
    private let cpu: Double
    private let processes: [pid_t]

    /// - Parameter processes: whose CPU counts beside our own.
    init(with processes: [pid_t] = []) {
        self.processes = processes
        cpu = Self.ownCPU() + processes.map(Self.cpu(of:)).reduce(0, +)
    }

    /// Since the start, in seconds.
    func read() -> (seconds: Double, cpu: Double) {
        let now = Self.ownCPU() + processes.map(Self.cpu(of:)).reduce(0, +)
        return ((ContinuousClock.now - wall) / .seconds(1), now - cpu)
    }

    static func ownCPU() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }

    /// User and system time of another process, from /proc.
    static func cpu(of process: pid_t) -> Double {
        guard let data = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return 0 }
        let text = String(decoding: data, as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return 0 }
        let fields = text[end...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}

/// Durations of single operations, for percentiles.
struct Samples: Sendable {
    private var milliseconds: [Double]

    init(milliseconds: [Double] = []) {
        self.milliseconds = milliseconds
    }

    var count: Int { milliseconds.count }

    mutating func add(_ duration: Duration) {
        milliseconds.append(duration / .milliseconds(1))
    }

    mutating func add(_ others: Samples) {
        milliseconds += others.milliseconds
    }

    func percentile(_ share: Double) -> Double {
        guard !milliseconds.isEmpty else { return 0 }
        let sorted = milliseconds.sorted()
        return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }
}

/// Runs `work` in many tasks at once until `count` pieces are done, and says how long each took.
func many(_ tasks: Int, _ count: Int, _ work: @escaping @Sendable (Int) async throws -> Void) async throws -> Samples {
    try await withThrowingTaskGroup(of: Samples.self) { group in
        for task in 0..<tasks {
            group.addTask {
                var samples = Samples()
                for number in stride(from: task, to: count, by: tasks) {
                    let start = ContinuousClock.now
                    try await work(number)
                    samples.add(.now - start)
                }
                return samples
            }
        }
        return try await group.reduce(into: Samples()) { $0.add($1) }
    }
}
