import ArgumentParser
import Foundation

/// `gatehouse doctor`: what is wrong, and what to do.
struct Doctor: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Examine everything: what is wrong, and the exact cure.",
        discussion: """
            Looks at the settings, at whether Redis and Postgres keep what they accept, at clocks, keys, versions, \
            migrations, workers, queues, recurring work, books, renewals and endpoints. It changes nothing. Exit status 0 \
            when there is no problem (warnings count as none), 1 for a problem, 69 when a server does not answer, 78 when a setting is wrong.

            EXAMPLE
              gatehouse doctor
              gatehouse doctor --json
            """
    )

    /// Each is opened by itself, so that one that is missing hides nothing of the others.
    static let needs: Set<Need> = []

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var findings: [Finding]
        var problems: Int
        var warnings: Int

        init(_ findings: [Finding]) {
            self.findings = findings
            problems = findings.count { $0.state == .problem }
            warnings = findings.count { $0.state == .warning }
        }

        var exitStatus: ExitStatus {
            let statuses = Set(findings.map(\.status))
            return [.settings, .unavailable, .failure].first(where: statuses.contains) ?? .ok
        }

        func show(on page: inout Page) {
            for area in Finding.Area.allCases {
                let found = findings.filter { $0.area == area }
                if found.isEmpty { continue }
                page.heading(area.rawValue.capitalized)
                for finding in found {
                    page.marked(finding.state.rawValue, finding.tone, finding.what)
                    if let fix = finding.fix { page.marked("", .plain, "fix: \(fix)") }
                }
            }
            page.line()
            page.line(summary, problems > 0 ? .bad : warnings > 0 ? .warning : .good)
        }

        private var summary: String {
            if problems == 0 && warnings == 0 { return "All is well." }
            return "\(problems.counted("problem")), \(warnings.counted("warning"))."
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        var findings: [Finding] = []
        var desks: [Need: Desk] = [:]
        // Who we are at PayPal is not asked: a system may sell without it.
        for need in [Need.database, .redis, .keys] {
            do {
                desks[need] = try Desk.open([need])
            } catch {
                // Settings that can't be read are told for each need alike.
                let finding = Finding(.settings, error)
                if !findings.contains(finding) { findings.append(finding) }
            }
        }
        if findings.isEmpty { findings.append(.ok(.settings, "what every process needs is set")) }
        findings += await examine(desks)
        for desk in desks.values { await desk.close() }
        return Reply(findings)
    }

    /// A server that does not answer is told once.
    private func examine(_ desks: [Need: Desk]) async -> [Finding] {
        func answers(_ findings: [Finding]) -> Bool {
            !findings.contains { [.unavailable, .settings].contains($0.status) }
        }
        var findings: [Finding] = []
        var (redis, database) = (desks[.redis], desks[.database])
        if let open = redis {
            let found = await RedisExamination(desk: open, sealer: desks[.keys]).findings()
            if !answers(found) { redis = nil }
            findings += found
        }
        if let open = database {
            let found = await PostgresExamination(desk: open).findings()
            if !answers(found) { database = nil }
            findings += found
        }
        findings += await ClockExamination(redis: redis, database: database).findings()
        if let keys = desks[.keys] { findings += await KeyExamination(keys: keys, database: database).findings() }
        if let redis { findings += await WorkExamination(desk: redis).findings() }
        if let database {
            findings += await PlanExamination(desk: database).findings()
            findings += await BooksExamination(desk: database).findings()
            findings += await RenewalExamination(desk: database).findings()
            findings += await EndpointExamination(desk: database).findings()
        }
        return findings
    }
}

extension Page {
    /// A mark in a column of its own, and text beside it.
    fileprivate mutating func marked(_ mark: String, _ tone: Tone, _ text: String) {
        let room = width.map { max(20, $0 - 10) }
        for (index, line) in PlainText.wrapped(PlainText.shown(text), to: room).enumerated() {
            let head = PlainText.padded(index == 0 ? mark : "", to: 8)
            raw("  " + style.paint(head, index == 0 ? tone : .plain) + line)
        }
    }
}
