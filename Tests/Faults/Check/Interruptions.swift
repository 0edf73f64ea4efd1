import FaultKit
import Foundation
import Jobs
import Redis

/// How long jobs waited that were running when their worker was killed, until they ran again.
struct Interruptions {
    private var kills: [(at: Date, running: Set<String>)] = []

    /// Right after the kill: what the queue says is running now.
    mutating func note(_ running: [JobID], at moment: Date) {
        kills.append((moment, Set(running.map(\.text))))
    }

    /// Seconds, the shortest first, by what the workers wrote when they recovered a job. A job counts from the last kill
    /// before its recovery that found it running.
    func waits(in logs: String) -> [Double] {
        var waits: [Double] = []
        for line in logs.split(separator: "\n") where line.contains("recovered from a lost worker") {
            // Because a line that a killed process left half written tells nothing.
            guard let entry = try? JSONDecoder().decode(Line.self, from: Data(line.utf8)),
                let moment = try? Date(entry.timestamp, strategy: Self.format),
                let kill = kills.last(where: { $0.at < moment && $0.running.contains(entry.job) })
            else { continue }
            waits.append(moment.timeIntervalSince(kill.at))
        }
        return waits.sorted()
    }

    private struct Line: Decodable {
        var timestamp: String
        var job: String
    }

    private static let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
}
