internal import Domain
internal import Hummingbird
internal import Jobs
internal import Logging
internal import ThriveCart
internal import Web

/// What is written down about one webhook: ids and words of ours, nothing of the buyer's.
struct WebhookNote {
    var provider = "thrivecart"
    var outcome = WebhookOutcome.failed
    var bytes: Int?
    var site: VerifiedSite?
    /// As it came; only set once the sender is known to be the site's provider.
    var event: String?
    var job: JobID?
    /// Why it was not verified, in a word of ours.
    var refusal: String?
    var problem: JobsError?

    var metadata: Logger.Metadata {
        var metadata: Logger.Metadata = ["provider": .string(provider), "outcome": .string(outcome.rawValue)]
        if let bytes { metadata["bytes"] = .stringConvertible(bytes) }
        if let site { metadata["site"] = .string(site.slug.text) }
        if site != nil || event != nil { metadata["event"] = .string(event.map(Self.shown) ?? "-") }
        if let job { metadata["job"] = .string(job.text) }
        if let refusal { metadata["reason"] = .string(refusal) }
        if let problem { metadata["reason"] = .string(problem.description) }
        return metadata
    }

    /// At most 64 of `a-z A-Z 0-9 . _ -`; whatever else a name holds becomes a question mark.
    static func shown(_ event: String) -> String {
        String(
            event.prefix(64).map { character in
                character.isASCII && (character.isLetter || character.isNumber || "._-".contains(character))
                    ? character : "?"
            }
        )
    }

    /// The answer for an outcome that is no success. That of `unauthorized` is the same whatever was wrong.
    var error: APIError {
        switch outcome {
        case .unauthorized: APIError(.unauthorized, "unauthorized", "The request could not be verified.")
        case .queueFull, .notDurable, .settingsUnknown, .redisDown, .unverifiable:
            .unavailable("unavailable", "Nothing was kept. Send it again later.", retryAfter: .seconds(10))
        default: .internalError
        }
    }
}

extension WebhookOutcome {
    /// What reading a body came to.
    init(_ error: APIError) {
        switch error.status {
        case .contentTooLarge: self = .tooLarge
        case .requestTimeout: self = .tooSlow
        default: self = .malformed
        }
    }

    var level: Logger.Level {
        switch self {
        case .accepted, .duplicate, .ping, .malformed, .tooLarge, .tooSlow: .info
        case .unauthorized: .notice
        case .queueFull, .notDurable, .settingsUnknown, .redisDown, .unverifiable, .failed: .error
        }
    }
}

extension APIError {
    /// A body that could not be read, or could not be understood.
    init(refusing error: any Error) {
        switch error {
        case let error as APIError: self = error
        case ThriveCartError.tooLarge: self = APIError(.contentTooLarge, "body_too_large", "The body is too large.")
        default: self = APIError(.badRequest, "malformed", "The body could not be read.")
        }
    }
}
