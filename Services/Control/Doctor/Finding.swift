/// One thing that was looked at, and how it stands.
struct Finding: Encodable, Sendable, Hashable {
    enum State: String, Encodable, Sendable {
        case ok
        /// Works today, and may not some day.
        case warning
        /// Loses something, or stands still.
        case problem
        /// Could not be looked at.
        case unknown
    }

    enum Area: String, Encodable, Sendable, CaseIterable {
        case settings, redis, postgres, clocks, keys, work, schedule
    }

    var area: Area
    var state: State
    /// One sentence; holds no secret and nothing of a member.
    var what: String
    /// What to run or set, spelled so that it can be copied.
    var fix: String?
    /// What the process ends with because of it.
    var status = ExitStatus.ok

    private enum CodingKeys: String, CodingKey { case area, state, what, fix }

    static func ok(_ area: Area, _ what: String) -> Finding { Finding(area: area, state: .ok, what: what) }

    static func warning(_ area: Area, _ what: String, fix: String) -> Finding {
        Finding(area: area, state: .warning, what: what, fix: fix)
    }

    static func problem(_ area: Area, _ what: String, fix: String?, _ status: ExitStatus = .failure) -> Finding {
        Finding(area: area, state: .problem, what: what, fix: fix, status: status)
    }

    static func unknown(_ area: Area, _ what: String, fix: String? = nil) -> Finding {
        Finding(area: area, state: .unknown, what: what, fix: fix)
    }

    /// What went wrong while we looked.
    init(_ area: Area, _ error: any Error) {
        let problem = CommandProblem(explaining: error) ?? .failure("\(error)")
        self = .problem(area, problem.what, fix: problem.fix, problem.status)
    }

    private init(area: Area, state: State, what: String, fix: String? = nil, status: ExitStatus = .ok) {
        self.area = area
        self.state = state
        self.what = what
        self.fix = fix
        self.status = status
    }

    var tone: Tone {
        switch state {
        case .ok: .good
        case .warning: .warning
        case .problem: .bad
        case .unknown: .faint
        }
    }
}
