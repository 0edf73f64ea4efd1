package import Redis

/// What kept the queue from doing what was asked.
package enum JobsError: Error, Sendable, Hashable {
    /// The queue holds as many jobs, or bytes, as it may: ask again later. Nothing was enqueued.
    case full(QueueName)
    /// The job is larger than one job may be. Nothing was enqueued.
    case tooLarge(JobKind, bytes: Int)
    /// The job's payload could not be made.
    case unencodable(JobKind)
    /// A name, a key or an envelope that is not one; what it is.
    case malformed(String)
    case redis(RedisError)
    /// A script's answer that this release does not understand; of which script.
    case unexpectedAnswer(String)
}

extension JobsError: TransientError {
    package var isTransient: Bool {
        switch self {
        case .full: true
        case .redis(let error): error.isTransient
        case .tooLarge, .unencodable, .malformed, .unexpectedAnswer: false
        }
    }
}

extension RedisError: TransientError {}

extension JobsError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .full(let queue): "the queue \(queue) is full"
        case .tooLarge(let kind, let bytes): "a \(kind) of \(bytes) bytes is larger than a job may be"
        case .unencodable(let kind): "the payload of a \(kind) could not be encoded"
        case .malformed(let what): "malformed: \(what)"
        case .redis(let error): error.description
        case .unexpectedAnswer(let script): "\(script).lua answered what this release does not understand"
        }
    }
}
