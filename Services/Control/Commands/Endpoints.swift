import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

/// `gatehouse endpoint`: where a site's messages go.
struct Endpoints: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "endpoint",
        abstract: "Where messages go: a site's endpoints, a merchant's webhooks_url.",
        subcommands: [
            CreateEndpoint.self, ListEndpoints.self, ShowEndpoint.self, RotateEndpoint.self, EnableEndpoint.self,
            DisableEndpoint.self, TestEndpoint.self,
        ]
    )
}

struct ListEndpoints: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List a site's or a merchant's endpoints, the oldest first.",
        discussion: """
            EXAMPLE
              gatehouse endpoint list
              gatehouse endpoint list --merchant HF5SN9RKCTNJ2
            """
    )

    @OptionGroup var owner: OwnerOption
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var endpoints: [EndpointEntry]

        func show(on page: inout Page) {
            var table = Table("id", "address", "events", "plan", "state", .number("failures"))
            for endpoint in endpoints {
                table.row(
                    Table.Cell(endpoint.id),
                    Table.Cell(endpoint.url),
                    Table.Cell(endpoint.events.isEmpty ? "all" : endpoint.events.joined(separator: " ")),
                    Table.Cell(endpoint.plan),
                    Table.Cell(endpoint.state, endpoint.tone),
                    Table.Cell("\(endpoint.failures)", endpoint.failures > 0 ? .warning : .plain)
                )
            }
            page.table(table, otherwise: "No endpoints.")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        try await desk.store.read { transaction in
            let owner = try transaction.owner(owner)
            let plans = try owner.site.map { try transaction.plans(of: $0) } ?? []
            return Reply(
                endpoints: try transaction.endpoints(of: owner).map { endpoint in
                    EndpointEntry(endpoint, plan: plans.first { $0.id == endpoint.plan })
                }
            )
        }
    }
}

struct ShowEndpoint: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show an endpoint, and what it missed of the last seven days.",
        discussion: """
            EXAMPLE
              gatehouse endpoint show 0198f0a2-7c4e-7b1d-9d5e-3f2a1b0c4d5e
            """
    )

    @Argument(help: "The endpoint's id.", transform: Reading.id)
    var id: Endpoint.ID

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var endpoint: EndpointEntry
        /// Messages of the last seven days that it did not get and that are not on their way.
        var missed: Int

        func show(on page: inout Page) {
            endpoint.show(on: &page)
            if missed > 0 {
                page.line()
                page.line("It missed \(missed) messages of the last 7 days.", .warning)
                page.line("  gatehouse deliveries recover \(endpoint.id) --since 7d")
            }
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        try await desk.store.read { transaction in
            let endpoint = try transaction.knownEndpoint(id)
            return Reply(
                endpoint: EndpointEntry(
                    endpoint,
                    plan: try endpoint.owner.site.flatMap { site in
                        try transaction.plans(of: site).first { $0.id == endpoint.plan }
                    }
                ),
                missed: try transaction.countRecoverable(of: id, since: Date.now.addingTimeInterval(-7 * 86_400))
            )
        }
    }
}

extension Transaction {
    /// The endpoint with this id, or what to do.
    func knownEndpoint(_ id: Endpoint.ID) throws -> Endpoint {
        if let endpoint = try endpoint(id) { return endpoint }
        throw CommandProblem.failure("there is no endpoint \(id)", fix: "gatehouse endpoint list")
    }
}

/// An endpoint in lists and documents; its secret is never part of it.
struct EndpointEntry: Encodable, Sendable {
    var id: String
    var url: String
    var description: String?
    /// Empty is every event.
    var events: [String]
    var plan: String?
    var contact: String?
    var state: String
    var stateSince: Date
    /// Attempts that failed since the last success.
    var failures: Int
    var failingSince: Date?
    var createdAt: Date

    init(_ endpoint: Endpoint, plan: Plan?) {
        id = endpoint.id.description
        url = endpoint.url
        description = endpoint.description
        events = endpoint.types.map(\.rawValue).sorted()
        self.plan = plan?.slug.text
        contact = endpoint.contact?.original
        state = endpoint.state.rawValue
        stateSince = endpoint.stateSince
        failures = endpoint.failing?.attempts ?? 0
        failingSince = endpoint.failing?.since
        createdAt = endpoint.createdAt
    }

    var tone: Tone {
        switch Endpoint.State(rawValue: state) {
        case .enabled: failures > 0 ? .warning : .good
        case .delinquent, .gone: .bad
        case .disabled, nil: .faint
        }
    }

    func show(on page: inout Page) {
        page.fields([
            "Endpoint": Table.Cell(url),
            "About": description.map { Table.Cell($0) },
            "Events": Table.Cell(events.isEmpty ? "all" : events.joined(separator: ", ")),
            "Plan": plan.map { Table.Cell($0) },
            "Contact": contact.map { Table.Cell($0) },
            "State": Table.Cell("\(state) since \(Moment.text(stateSince))", tone),
            "Failing": failingSince.map { Table.Cell("\(failures) attempts since \(Moment.text($0))", .warning) },
            "Made": Table.Cell(Moment.text(createdAt)),
            "Id": Table.Cell(id, .faint),
        ])
    }
}
