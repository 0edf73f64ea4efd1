/// Why a command could not do what it was asked, and what the operator does now.
package struct CommandProblem: Error, Hashable {
    package var status: ExitStatus
    /// One sentence; holds no secret and no body.
    package var what: String
    /// What to run or set, spelled so that it can be copied; nil where there is nothing to do.
    package var fix: String?

    package init(_ status: ExitStatus, _ what: String, fix: String? = nil) {
        self.status = status
        self.what = what
        self.fix = fix
    }

    /// What was asked can't be done as things stand.
    package static func failure(_ what: String, fix: String? = nil) -> Self { Self(.failure, what, fix: fix) }

    /// The options contradict each other or miss something that only the run can know.
    package static func usage(_ what: String, fix: String? = nil) -> Self { Self(.usage, what, fix: fix) }

    /// A server did not answer.
    package static func unavailable(_ what: String, fix: String? = nil) -> Self { Self(.unavailable, what, fix: fix) }

    /// The environment is wrong.
    package static func settings(_ what: String, fix: String? = nil) -> Self { Self(.settings, what, fix: fix) }
}

extension CommandProblem: Encodable {
    private enum CodingKeys: String, CodingKey { case error }
    private enum ErrorKeys: String, CodingKey { case code, exitStatus, message, fix }

    /// `{"error": {"code": "unavailable", "exit_status": 69, "message": "…", "fix": "…"}}`
    package func encode(to encoder: any Encoder) throws {
        var document = encoder.container(keyedBy: CodingKeys.self)
        var error = document.nestedContainer(keyedBy: ErrorKeys.self, forKey: .error)
        try error.encode(status.name, forKey: .code)
        try error.encode(status.rawValue, forKey: .exitStatus)
        try error.encode(what, forKey: .message)
        try error.encodeIfPresent(fix, forKey: .fix)
    }
}
