import ArgumentParser
import Domain
import Foundation
import Postgres
import Sealing
import Store

/// `gatehouse keys`: what our own secrets are sealed with.
struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What our own secrets are sealed with.",
        subcommands: [RotateKeys.self]
    )
}

struct RotateKeys: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Seal everything anew with the first key of APP_KEYS.",
        discussion: """
            Put a new key in front of APP_KEYS, restart every process, run this, then take the old key off. Safe to \
            stop and to repeat: what the first key has sealed already is left alone.

            EXAMPLE
              APP_KEYS="k2:$(openssl rand -base64 32),$APP_KEYS" gatehouse keys rotate
            """
    )

    static let needs: Set<Need> = [.database, .redis, .keys]

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var resealed: Int
        /// Sealed with the first key before.
        var current: Int

        func show(on page: inout Page) {
            page.line("\(resealed) sealed anew, \(current) were already.", .good)
            page.line("Keys behind the first may be taken off APP_KEYS now.")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let (store, sealer) = (try desk.store, try desk.sealer)
        let total = try await store.read { transaction in
            try SealedColumn.all.reduce(0) { try $0 + transaction.count(of: $1) }
        }
        let progress = ProgressLine("sealing")
        var rotation = Rotation()
        for column in SealedColumn.all {
            rotation.last = nil
            repeat {
                progress.show(rotation.seen, of: total)
                let before = rotation
                rotation = try await store.transaction { try before.next(of: column, in: $0, sealer) }
            } while rotation.last != nil
        }
        progress.finish()
        guard rotation.unopened == 0 else {
            throw CommandProblem.failure(
                "\(rotation.unopened) secrets are sealed with a key that APP_KEYS does not hold; \(rotation.resealed) others "
                    + "are sealed anew",
                fix: "put the missing key back at the end of APP_KEYS and run gatehouse keys rotate again"
            )
        }
        try await desk.publishIngressSettings(at: .now)
        return Reply(resealed: rotation.resealed, current: rotation.current)
    }
}

/// How far the sealing anew has come.
private struct Rotation: Sendable {
    /// The last of the column that was looked at; nil before the first and behind the last.
    var last: SealedValue.ID?
    var resealed = 0
    var current = 0
    /// Sealed with a key we don't have.
    var unopened = 0

    var seen: Int { resealed + current + unopened }

    /// A page of the column further, in the transaction that seals it.
    func next(of column: SealedColumn, in transaction: Transaction, _ sealer: Sealer) throws -> Rotation {
        var next = self
        let values = try transaction.sealedValues(of: column, after: last, limit: 100, locking: true)
        for value in values {
            if sealer.isSealedWithCurrentKey(value.sealed) {
                next.current += 1
            } else if let plain = try? sealer.open(value.sealed, for: value.place) {  // Because else it is counted.
                _ = try transaction.reseal(value, of: column, as: try sealer.seal(plain, for: value.place))
                next.resealed += 1
            } else {
                next.unopened += 1
            }
        }
        next.last = values.last?.id
        return next
    }
}
