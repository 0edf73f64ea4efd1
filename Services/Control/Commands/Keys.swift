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
        let total = try await store.read { try $0.secretCount() }
        let progress = ProgressLine("sealing")
        var rotation = Rotation()
        repeat {
            progress.show(rotation.seen, of: total)
            let before = rotation
            rotation = try await store.transaction { try before.next(in: $0, sealer) }
        } while !rotation.isOver
        rotation.isOver = false
        repeat {
            progress.show(rotation.seen, of: total)
            let before = rotation
            rotation = try await store.transaction { try before.nextEndpoints(in: $0, sealer) }
        } while !rotation.isOver
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
    var last: SiteSecret.ID?
    var lastOfEndpoints: EndpointSecret.ID?
    var resealed = 0
    var current = 0
    /// Sealed with a key we don't have.
    var unopened = 0
    var isOver = false

    var seen: Int { resealed + current + unopened }

    /// A page of the sites' secrets further, in the transaction that seals it.
    func next(in transaction: Transaction, _ sealer: Sealer) throws -> Rotation {
        var next = self
        let secrets = try transaction.secrets(after: last, limit: 100)
        for secret in secrets {
            try next.turn(secret.sealed, at: SiteSecret.place(of: secret.id), sealer) {
                _ = try transaction.reseal(secret, as: $0)
            }
        }
        next.last = secrets.last?.id ?? last
        next.isOver = secrets.isEmpty
        return next
    }

    /// The same for the endpoints' secrets.
    func nextEndpoints(in transaction: Transaction, _ sealer: Sealer) throws -> Rotation {
        var next = self
        let secrets = try transaction.endpointSecrets(after: lastOfEndpoints, limit: 100)
        for secret in secrets {
            try next.turn(secret.sealed, at: EndpointSecret.place(of: secret.id), sealer) {
                _ = try transaction.reseal(secret, as: $0)
            }
        }
        next.lastOfEndpoints = secrets.last?.id ?? lastOfEndpoints
        next.isOver = secrets.isEmpty
        return next
    }

    private mutating func turn(
        _ sealed: [UInt8],
        at place: String,
        _ sealer: Sealer,
        write: ([UInt8]) throws -> Void
    ) throws {
        if sealer.isSealedWithCurrentKey(sealed) {
            current += 1
        } else if let plain = try? sealer.open(sealed, for: place) {  // Because it is counted if it can't be.
            try write(try sealer.seal(plain, for: place))
            resealed += 1
        } else {
            unopened += 1
        }
    }
}
