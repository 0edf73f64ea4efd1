import Foundation
import Jobs

/// Whether there are workers, and whether they keep up: queues, dead letters, recurring work.
struct WorkExamination {
    let desk: Desk

    func findings() async -> [Finding] {
        do {
            let queues = try desk.queues
            let entries = try await QueueSnapshot.take(queues).entries()
            var findings: [Finding] = []
            if entries.isEmpty {
                findings.append(.problem(.work, "no worker was ever here", fix: "start fulfillment, see Procfile"))
            }
            for entry in entries { findings += examine(entry) }
            return findings + (try await schedule(queues))
        } catch {
            return [Finding(.work, error)]
        }
    }

    /// The variable that says how many jobs of a queue one process runs at once.
    private static func concurrency(of queue: String) -> String {
        switch queue {
        case "renewals": "RENEWAL_CONCURRENCY"
        case "notifications": "DELIVERY_CONCURRENCY"
        default: "WORKER_CONCURRENCY"
        }
    }

    private func examine(_ queue: QueueEntry) -> [Finding] {
        var findings: [Finding] = []
        let name = queue.queue
        switch queue.workers {
        case 0? where queue.isDeserted:
            findings.append(
                .problem(
                    .work,
                    "\(name): jobs wait and no worker is connected",
                    fix: "start the process that runs \(name), see Procfile; its log says why it stopped"
                )
            )
        case 0?:
            findings.append(
                .warning(
                    .work,
                    "\(name): no worker is connected",
                    fix: "start the process that runs \(name), see Procfile"
                )
            )
        case nil: findings.append(.unknown(.work, "\(name): Redis does not show who is connected (CLIENT LIST)"))
        default: break
        }
        if queue.paused {
            findings.append(.warning(.work, "\(name) is paused", fix: "gatehouse queue resume \(name)"))
        }
        if queue.dead > 0 {
            findings.append(
                .warning(
                    .work,
                    "\(name) has \(queue.dead.counted("dead letter"))",
                    fix: "gatehouse dead list --queue \(name)"
                )
            )
        }
        if queue.parked > 0 {
            findings.append(
                .warning(
                    .work,
                    "\(name): no worker knows the kind of \(queue.parked.counted("job"))",
                    fix: "start workers of the release that enqueued them"
                )
            )
        }
        let late = max(queue.oldestSeconds ?? 0, queue.lagSeconds)
        if late > 300, !queue.paused, !queue.isDeserted {
            findings.append(
                .warning(
                    .work,
                    "\(name): the oldest job has waited \(Span.text(.seconds(late)))",
                    fix:
                        "start more workers, or raise \(Self.concurrency(of: name)); gatehouse queues --over 10s shows the rates"
                )
            )
        }
        if findings.isEmpty {
            findings.append(
                .ok(
                    .work,
                    "\(name): \((queue.workers ?? 0).counted("worker")), \(queue.ready) ready, \(queue.running) running"
                )
            )
        }
        return findings
    }

    private func schedule(_ queues: JobQueue) async throws -> [Finding] {
        let entries = try await queues.recurring(on: nil)
        var findings: [Finding] = []
        for entry in entries where entry.overdue && !entry.paused {
            findings.append(
                .problem(
                    .schedule,
                    "\(entry.name) should have run at \(Moment.text(entry.next))",
                    fix: "start the process that runs \(entry.queue), see Procfile"
                )
            )
        }
        for entry in entries where entry.paused {
            findings.append(
                .warning(.schedule, "\(entry.name) is paused", fix: "gatehouse schedule resume \(entry.name)")
            )
        }
        if findings.isEmpty, !entries.isEmpty {
            findings.append(
                .ok(.schedule, "\(entries.count.counted("recurring entry", many: "recurring entries")) on time")
            )
        }
        return findings
    }
}
