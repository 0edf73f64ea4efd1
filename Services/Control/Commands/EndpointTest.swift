import ArgumentParser
import Domain
import Foundation
import Jobs
import NotificationJobs
import Outbound
import Postgres
import Sealing
import Store

struct TestEndpoint: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Send an endpoint a signed message that tells of nothing.",
        discussion: """
            It goes the way of every message, event name \(Message.testType), and is tried once; a merchant's is a \
            WEBHOOK.TEST, tried again as all of its messages are. Exit status 3 when the \
            endpoint did not answer with 2xx.

            EXAMPLE
              gatehouse endpoint test 0198f0a2-7c4e-7b1d-9d5e-3f2a1b0c4d5e
            """
    )

    static let needs: Set<Need> = [.database, .redis]

    @Argument(help: "The endpoint's id.", transform: Reading.id)
    var id: Endpoint.ID

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        /// Nil when a merchant's was not even taken by the relay.
        var delivery: String?
        var state: String
        var attempt: AttemptEntry?

        var exitStatus: ExitStatus { state == Delivery.State.delivered.rawValue ? .ok : .no }

        func show(on page: inout Page) {
            guard let attempt else {
                return page.line("It was not tried within 40 s: does the process notifications run?", .bad)
            }
            page.line(
                "\(state): \(attempt.result), \(attempt.latencyMilliseconds) ms",
                exitStatus == .ok ? .good : .bad
            )
            if !attempt.answer.isEmpty { page.block(attempt.answer) }
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let (store, now) = (try desk.store, Date.now)
        let staged = try await store.transaction { transaction in
            let endpoint = try transaction.knownEndpoint(id)
            if let merchant = endpoint.owner.merchant {
                return Staged(message: try Self.stage(for: endpoint, of: merchant, in: transaction, at: now))
            }
            let message = Message.ID.new(at: now)
            let plan = try transaction.stageTest(
                to: endpoint,
                as: message,
                body: Self.body(for: endpoint, at: now),
                step: DeliverySchedule.waits.count - 1,
                at: now
            )
            return Staged(message: message, plan: plan)
        }
        // A merchant's is taken by the relay, as all of its messages are.
        if let plan = staged.plan { try await desk.queues.enqueue([plan]) }
        for _ in 0..<200 {
            let found = try await store.read { transaction in
                try transaction.firstAttempt(of: staged.message).flatMap { attempt in
                    try transaction.foundDelivery(attempt.delivery).map { ($0, attempt) }
                }
            }
            if let (delivery, attempt) = found {
                return Reply(
                    delivery: delivery.id.description,
                    state: delivery.state.rawValue,
                    attempt: AttemptEntry(attempt)
                )
            }
            try await Task.sleep(for: .milliseconds(200))
        }
        return Reply(
            delivery: staged.plan?.id.description,
            state: Delivery.State.pending.rawValue
        )
    }

    private struct Staged: Sendable {
        var message: Message.ID
        var plan: PlannedDelivery?
    }

    /// The `WEBHOOK.TEST` that a shop's own `webhooks/test` sends.
    private static func stage(
        for endpoint: Endpoint,
        of merchant: Merchant.ID,
        in transaction: Transaction,
        at now: Date
    ) throws -> Message.ID {
        guard endpoint.state == .enabled else {
            throw CommandProblem.usage(
                "the endpoint is switched off",
                fix: "gatehouse endpoint enable \(endpoint.id)"
            )
        }
        guard try transaction.merchant(merchant)?.webhooksURL != nil else {
            throw CommandProblem.usage(
                "the shop has no webhooks_url any more",
                fix: "the shop sets one with PATCH /merchant"
            )
        }
        let id = "TEST-" + HexToken.random().prefix(16).uppercased()
        guard let message = try transaction.stageForward(try Forward.test(id, at: now), to: merchant, at: now) else {
            throw CommandProblem.failure("the message could not be staged")
        }
        return message
    }

    static func body(for endpoint: Endpoint, at now: Date) -> [UInt8] {
        Array(
            #"{"data":{"endpoint":"\#(endpoint.id)"},"event":"\#(Message.testType)","timestamp":"\#(Moment.text(now))"}"#
                .utf8
        )
    }
}
