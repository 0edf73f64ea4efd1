/// A kind of job without its type: what the worker needs to run one from its envelope.
struct JobRunner<Dependencies: Sendable>: Sendable {
    let kind: JobKind
    let payloadVersion: Int
    let queue: QueueName
    let policy: JobPolicy
    let run: @Sendable (JobEnvelope, Dependencies, JobContext) async throws -> JobOutcome

    init(erasing type: any Job<Dependencies>.Type) {
        func open<J: Job>(_ type: J.Type) -> JobRunner where J.Dependencies == Dependencies { JobRunner(type) }
        self = open(type)
    }

    private init<J: Job>(_ type: J.Type) where J.Dependencies == Dependencies {
        kind = J.kind
        payloadVersion = J.payloadVersion
        queue = J.queue
        policy = J.policy
        run = { envelope, dependencies, context in
            let job: J
            do {
                job = try J(payload: envelope.payload, version: envelope.payloadVersion)
            } catch {
                throw Undecodable()
            }
            return try await job.run(dependencies, context)
        }
    }
}

/// The payload is not what this release reads. What was wrong with it may be personal, so it is not told.
struct Undecodable: Error {}

/// The type of an error, its case, and no more: what others' errors carry may be personal or secret.
package func redactedDescription(of error: any Error) -> String {
    switch error {
    case let error as JobsError: return error.description
    case is Undecodable: return "undecodable"
    default:
        let name = String(reflecting: type(of: error))
        let mirror = Mirror(reflecting: error)
        guard mirror.displayStyle == .enum else { return name }
        // A case with values is a child by the case's name; one without shows as its name.
        return "\(name).\(mirror.children.first?.label ?? String(describing: error).filter(\.isCaseNameCharacter))"
    }
}

extension Character {
    fileprivate var isCaseNameCharacter: Bool { isASCII && (isLetter || isNumber || self == "_") }
}
