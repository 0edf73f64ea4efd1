import ArgumentParser
import Domain
import Foundation
import NotificationJobs
import Postgres
import Store

struct ResendDelivery: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "resend",
        abstract: "Send one delivery again, now.",
        discussion: """
            Takes the place of the try that is planned; the same bytes and the same id. A delivery that was settled \
            starts its schedule anew.

            EXAMPLE
              gatehouse deliveries resend 0198f0a2-7c4e-7b1d-9d5e-3f2a1b0c4d5e
            """
    )

    static let needs: Set<Need> = [.database, .redis]

    @Argument(help: "The delivery's id.", transform: Reading.id)
    var id: Delivery.ID

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var delivery: String

        func show(on page: inout Page) {
            page.line("It is on its way.", .good)
            page.line("  gatehouse deliveries show \(delivery)")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let now = Date.now
        let plan = try await desk.store.transaction { transaction in
            guard let delivery = try transaction.foundDelivery(id) else {
                throw CommandProblem.failure("there is no delivery \(id)", fix: "gatehouse deliveries list")
            }
            guard let plan = try transaction.resend(id, at: now) else {
                throw CommandProblem.failure(
                    "its endpoint is switched off",
                    fix: "gatehouse endpoint enable \(delivery.endpoint)"
                )
            }
            return plan
        }
        try await desk.queues.enqueue([plan])
        return Reply(delivery: id.description)
    }
}
