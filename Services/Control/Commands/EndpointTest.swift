import ArgumentParser
import Domain
import Foundation
import Jobs
import NotificationJobs
import Outbound
import Postgres
import Store

struct TestEndpoint: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Send an endpoint a signed message that tells of nothing.",
        discussion: """
            It goes the way of every message, event name \(Message.testType), and is tried once. Exit status 3 when the \
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
        var delivery: String
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
        let message = Message.ID.new(at: now)
        let plan = try await store.transaction { transaction in
            let endpoint = try transaction.knownEndpoint(id)
            guard endpoint.owner.merchant == nil else {
                throw CommandProblem.usage(
                    "the endpoint is a merchant's",
                    fix: "gatehouse paypal webhooks simulate, or the shop's own webhooks/test"
                )
            }
            return try transaction.stageTest(
                to: endpoint,
                as: message,
                body: Self.body(for: endpoint, at: now),
                step: DeliverySchedule.waits.count - 1,
                at: now
            )
        }
        guard let plan else { throw CommandProblem.failure("the message could not be staged") }
        try await desk.queues.enqueue([plan])
        for _ in 0..<200 {
            let found = try await store.read { transaction in
                (try transaction.foundDelivery(plan.id), try transaction.attempts(of: plan.id).last)
            }
            if let delivery = found.0, delivery.state != .pending {
                return Reply(
                    delivery: plan.id.description,
                    state: delivery.state.rawValue,
                    attempt: found.1.map { AttemptEntry($0) }
                )
            }
            try await Task.sleep(for: .milliseconds(200))
        }
        return Reply(delivery: plan.id.description, state: Delivery.State.pending.rawValue)
    }

    static func body(for endpoint: Endpoint, at now: Date) -> [UInt8] {
        Array(
            #"{"data":{"endpoint":"\#(endpoint.id)"},"event":"\#(Message.testType)","timestamp":"\#(Moment.text(now))"}"#
                .utf8
        )
    }
}
