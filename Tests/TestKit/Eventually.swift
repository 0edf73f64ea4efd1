/// Waits until `condition` holds, asking again and again; throws when it does not within `patience`.
///
/// A minute is far more than anything here takes: it only bounds a hang, also on a machine that others have to themselves.
/// An error of the condition counts as "not yet"; the last one is told.
package func eventually(
    within patience: Duration = .seconds(60),
    isolation: isolated (any Actor)? = #isolation,
    _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let end = clock.now + patience
    var pause = Duration.milliseconds(1)
    while true {
        var lastError: (any Error)?
        do {
            if try await condition() { return }
        } catch {
            lastError = error
        }
        guard clock.now < end else { throw NeverHeld(patience: patience, lastError: lastError) }
        try await Task.sleep(for: pause)
        pause = min(pause * 2, .milliseconds(50))
    }
}

package struct NeverHeld: Error, CustomStringConvertible {
    package var patience: Duration
    package var lastError: (any Error)?
    package var description: String {
        "the condition did not hold within \(patience)" + (lastError.map { "; last error: \($0)" } ?? "")
    }
}
