import ArgumentParser
import Domain
import Foundation
import NotificationJobs
import Postgres
import Store

struct RotateEndpoint: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Give an endpoint a new secret; for a while both sign.",
        discussion: """
            Shows the new secret, once. Until the old one ends every message carries both signatures, so the receiver \
            may change over at any time in between. --keep-old 0s is for a secret that has leaked.

            EXAMPLE
              gatehouse endpoint rotate 0198f0a2-7c4e-7b1d-9d5e-3f2a1b0c4d5e
            """
    )

    static let needs: Set<Need> = [.database, .keys]

    @Argument(help: "The endpoint's id.", transform: Reading.id)
    var id: Endpoint.ID

    @Option(
        name: .long,
        help: ArgumentHelp("How long the old secret signs too (default: 24h).", valueName: "time"),
        transform: Reading.span
    )
    var keepOld: Duration = .seconds(86_400)

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var endpoint: String
        /// Shown here and never again.
        var secret: String
        var oldSignsUntil: Date

        func show(on page: inout Page) {
            page.line("The endpoint has a new secret, shown this once:", .good)
            page.line("  \(secret)")
            page.line("The old one signs too until \(Moment.text(oldSignsUntil)).")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let (store, sealer, now) = (try desk.store, try desk.sealer, Date.now)
        let end = now.addingTimeInterval(keepOld.inSeconds)
        return try await store.transaction { transaction in
            let endpoint = try transaction.knownEndpoint(id)
            let secret = try NewEndpointSecret(for: endpoint.id, sealedBy: sealer, at: now)
            try transaction.insert(secret.stored)
            try transaction.retireSecrets(of: id, but: secret.stored.id, at: end)
            return Reply(endpoint: id.description, secret: secret.text, oldSignsUntil: end)
        }
    }
}
