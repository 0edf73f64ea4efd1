internal import CoreMetrics
internal import Foundation
internal import Glibc

extension PrometheusRegistry {
    /// Adds what Prometheus expects to know of any process: memory, CPU time, open files, start time.
    package func addProcessMetrics() {
        describe("process_resident_memory_bytes", "Resident memory size in bytes.")
        describe("process_cpu_seconds_total", "User and system CPU time spent in seconds.")
        describe("process_open_fds", "Number of open file descriptors.")
        describe("process_start_time_seconds", "Start time of the process since the Unix epoch in seconds.")

        Gauge(label: "process_start_time_seconds", factory: self).record(Date.now.timeIntervalSince1970.rounded())
        let memory = Gauge(label: "process_resident_memory_bytes", factory: self)
        let files = Gauge(label: "process_open_fds", factory: self)
        let processor = FloatingPointCounter(label: "process_cpu_seconds_total", factory: self)
        atScrape {
            let now = ProcessUsage()
            memory.record(now.residentBytes)
            files.record(now.openFiles)
            processor.reset()
            processor.increment(by: now.processorSeconds)
        }
    }
}

/// What the kernel says about us; zero where it says nothing.
private struct ProcessUsage {
    var residentBytes = 0
    var openFiles = 0
    var processorSeconds = 0.0

    init() {
        // Because a system without /proc only lacks these numbers, nothing is wrong.
        if let pages = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ") {
            residentBytes = (pages.count > 1 ? Int(pages[1]) ?? 0 : 0) * sysconf(Int32(_SC_PAGESIZE))
        }
        // Because, likewise.
        openFiles = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return }
        processorSeconds = Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime)
    }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1e6
    }
}
