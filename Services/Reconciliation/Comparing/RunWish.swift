package import Foundation
package import Store

/// What somebody wants compared.
package struct RunWish<Options: ComparingOptions>: Sendable {
    package var kind: Reconciliation.Kind
    /// Not further back than this; nil is as far as the kind asks for.
    package var since: Date?
    package var comparing: Options

    package init(_ kind: Reconciliation.Kind, since: Date? = nil, comparing: Options = Options()) {
        self.kind = kind
        self.since = since
        self.comparing = comparing
    }
}

/// How books are compared, whoever keeps them.
package protocol ComparingOptions: Sendable {
    /// How long a webhook may still be on its way: until then nothing is taken away. Source: rule H3.
    var inFlight: TimeInterval { get set }
    /// Says what would be healed, and keeps nothing.
    var isRehearsal: Bool { get set }
    /// Hears of each in a rehearsal: what it would become, and why.
    var rehearsed: @Sendable (Discrepancy) -> Void { get set }

    init()
}
