import Foundation

/// What of the machine's work during a run was not ours: a figure taken beside a busy neighbour says so.
struct Machine {
    private let start = ContinuousClock.now
    private let busy = Machine.busyTicks()
    private let ours = Machine.familyTicks()
    private let ourNames = Machine.familyTicksByName()

    /// Of all processors' time since the start, the share that others took.
    func foreignShare() -> Double {
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK))) * Double(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let all = ticks * ((.now - start) / .seconds(1))
        let foreign = (Self.busyTicks() - busy) - (Self.familyTicks() - ours)
        return all > 0 ? min(1, max(0, foreign / all)) : 0
    }

    /// Seconds of CPU since the start, ours and of everything we started, by the program's name.
    func familySeconds() -> [String: Double] {
        Self.familyTicksByName().reduce(into: [:]) { seconds, now in
            seconds[now.key] = (now.value - (ourNames[now.key] ?? 0)) / Double(sysconf(Int32(_SC_CLK_TCK)))
        }
    }

    /// User, nice, system and the two of interrupts, of all processors.
    private static func busyTicks() -> Double {
        let line = text("/proc/stat").prefix { $0 != "\n" }
        let ticks = line.split(separator: " ").dropFirst().compactMap { Double($0) }
        guard ticks.count >= 7 else { return 0 }
        return ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]
    }

    /// Ours and that of everything we started, whether it still runs or was waited for.
    private static func familyTicks() -> Double { familyTicksByName().values.reduce(0, +) }

    private static func familyTicksByName() -> [String: Double] {
        // Because without /proc nothing is known.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var parents: [pid_t: pid_t] = [:]
        var ticks: [pid_t: (name: String, ticks: Double)] = [:]
        for pid in names.compactMap({ pid_t($0) }) {
            let stat = text("/proc/\(pid)/stat")
            guard let start = stat.firstIndex(of: "("), let end = stat.lastIndex(of: ")") else { continue }
            let fields = stat[end...].split(separator: " ")
            guard fields.count > 15, let parent = pid_t(fields[2]) else { continue }
            parents[pid] = parent
            ticks[pid] = (
                String(stat[start..<end].dropFirst()), fields[12...15].compactMap { Double($0) }.reduce(0, +)
            )
        }
        return ticks.filter { isOurs($0.key, parents) }
            .reduce(into: [:]) { $0[$1.value.name, default: 0] += $1.value.ticks }
    }

    private static func isOurs(_ pid: pid_t, _ parents: [pid_t: pid_t]) -> Bool {
        var pid = pid
        for _ in 0..<50 {
            if pid == getpid() { return true }
            guard let parent = parents[pid], parent > 1 else { return false }
            pid = parent
        }
        return false
    }

    private static func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}
