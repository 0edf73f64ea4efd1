import Synchronization

/// How many customers in a row a provider said nothing of.
final class Silence: Sendable {
    private let inRow = Mutex(0)

    /// Of so many it may be theirs; of more it is the provider's.
    private static let most = 3

    func end() { inRow.withLock { $0 = 0 } }

    /// Counts one more; false when it is an outage.
    func goesOn() -> Bool {
        inRow.withLock { inRow in
            inRow += 1
            return inRow <= Self.most
        }
    }
}
