import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

struct EnableEndpoint: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable",
        abstract: "Switch an endpoint on again.",
        discussion: """
            What it missed is not sent by itself: see gatehouse deliveries recover.

            EXAMPLE
              gatehouse endpoint enable 0198f0a2-7c4e-7b1d-9d5e-3f2a1b0c4d5e
            """
    )

    @Argument(help: "The endpoint's id.", transform: Reading.id)
    var id: Endpoint.ID

    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> EndpointSwitched {
        let now = Date.now
        return try await desk.store.transaction { transaction in
            let before = try transaction.knownEndpoint(id)
            let changed = try transaction.enable(id, at: now)
            let missed = try transaction.countRecoverable(of: id, since: before.stateSince.addingTimeInterval(-86_400))
            return EndpointSwitched(
                endpoint: id.description,
                state: "enabled",
                changed: changed,
                missed: missed,
                since: before.stateSince
            )
        }
    }
}

struct DisableEndpoint: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable",
        abstract: "Switch an endpoint off; what waits for it is canceled.",
        discussion: """
            One that was switched off for failing is no longer told of by gatehouse doctor.

            EXAMPLE
              gatehouse endpoint disable 0198f0a2-7c4e-7b1d-9d5e-3f2a1b0c4d5e
            """
    )

    @Argument(help: "The endpoint's id.", transform: Reading.id)
    var id: Endpoint.ID

    @OptionGroup var output: OutputOptions

    func answer(at desk: Desk) async throws -> EndpointSwitched {
        let now = Date.now
        return try await desk.store.transaction { transaction in
            let before = try transaction.knownEndpoint(id)
            let changed = try transaction.disable(id, as: .disabled, at: now)
            return EndpointSwitched(
                endpoint: id.description,
                state: changed ? "disabled" : before.state.rawValue,
                changed: changed,
                missed: 0,
                since: now
            )
        }
    }
}

struct EndpointSwitched: Answer {
    var endpoint: String
    var state: String
    /// False where it was so already.
    var changed: Bool
    /// Messages it did not get since the day before it was switched off.
    var missed: Int
    var since: Date

    func show(on page: inout Page) {
        page.line(changed ? "The endpoint is \(state) now." : "The endpoint was \(state) already.", .good)
        guard missed > 0 else { return }
        page.line("It missed \(missed.counted("message")):", .warning)
        page.line(
            "  gatehouse deliveries recover \(endpoint) --since \(Moment.text(since.addingTimeInterval(-86_400)))"
        )
    }
}
