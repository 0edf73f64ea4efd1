internal import HTTPTypes

/// One answer of the pretended PayPal.
struct PayPalReply: Sendable {
    enum Body: Sendable {
        case json(SandboxJSON)
        case html(String)
        case text(String, type: String)
        case none
    }

    var status: Int
    var body: Body
    var headers: HTTPFields = [:]

    init(_ status: Int, _ json: SandboxJSON? = nil) {
        self.status = status
        body = json.map { .json($0) } ?? .none
    }

    init(_ problem: PayPalProblem, debugID: String) {
        status = problem.status
        // Because PayPal's id in the body and the one in the header may differ, and both are wanted in a log.
        body = .json(problem.body(debugID: debugID))
    }

    var json: SandboxJSON? {
        if case .json(let json) = body { json } else { nil }
    }

    /// The issue of a refusal, for the request log.
    var issue: String? {
        guard status >= 400, let json else { return nil }
        return json["details"]?[0]?["issue"]?.text ?? json["name"]?.text ?? json["error"]?.text
    }
}
