/// Why ThriveCart's read API did not answer a question. No case holds anything of a person.
package enum ThriveCartAPIError: Error, Sendable, Hashable {
    /// The key is missing, wrong or withdrawn.
    case unauthorized
    /// The answer to a question that can't be answered: the status, and the API's own word for it.
    case refused(status: Int, code: String)
    /// More requests in a minute than the account has, even after waiting.
    case limited
    /// 5xx, after several tries.
    case outage(status: Int)
    /// No answer came, after several tries.
    case unreachable(String)
    /// 2xx without JSON, after several tries: a page for people, as while they mend something.
    case notJSON(status: Int)
    /// An answer that is not what the API answers with.
    case unreadable(String)

    /// Whether the same question may be answered later.
    package var isTransient: Bool {
        switch self {
        case .limited, .outage, .unreachable, .notJSON: true
        case .unauthorized, .refused, .unreadable: false
        }
    }
}

extension ThriveCartAPIError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unauthorized: "ThriveCart refuses the API key"
        case .refused(let status, let code): "ThriveCart answered \(status), \(code)"
        case .limited: "ThriveCart's limit of requests is used up"
        case .outage(let status): "ThriveCart answered \(status)"
        case .unreachable(let reason): "ThriveCart does not answer: \(reason)"
        case .notJSON(let status): "ThriveCart answered \(status), and no JSON"
        case .unreadable(let what): "ThriveCart's answer can't be read: \(what)"
        }
    }
}
