/// What a provider told us, kept once by its delivery key.
package enum InboundEvent {
    package typealias ID = Identifier<InboundEvent>

    package enum Status: String, Sendable, Codable, CaseIterable {
        case applied
        /// Without effect by its nature, or news of what we knew.
        case ignored
        /// Without effect for want of something that a person may put right.
        case flagged
        case failed
    }

    /// By which road it came.
    package enum Source: String, Sendable, Codable, CaseIterable {
        case webhook, reconciliation, replay
    }
}
