import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

/// `gatehouse merchants`: the shops that are connected to us.
struct Merchants: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The shops that are connected at PayPal.",
        subcommands: [ListMerchants.self, ShowMerchant.self, DisconnectMerchant.self]
    )
}

extension Transaction {
    /// By our id, or by PayPal's where one shop of that account is meant.
    func knownMerchant(_ text: String) throws -> Merchant {
        if let id = Merchant.ID(text) {
            guard let found = try merchant(id) else { throw CommandProblem(.no, "there is no merchant \(text)") }
            return found
        }
        let all = try Merchant.Environment.allCases.flatMap { try merchants(ofAccount: text, in: $0) }
        let connected = all.filter(\.isConnected)
        switch (connected.isEmpty ? all : connected).count {
        case 1: return (connected.isEmpty ? all : connected)[0]
        case 0: throw CommandProblem(.no, "there is no merchant \(text)")
        default:
            throw CommandProblem.usage(
                "\(text) has connected several shops",
                fix: "name one by its id, see gatehouse merchants list"
            )
        }
    }
}

struct MerchantEntry: Encodable, Sendable {
    var id: String
    var payPalID: String
    var environment: String
    var state: String
    var stateSince: Date
    var siteURL: String
    var webhooksURL: String?
    var country: String?
    var paymentsReceivable: Bool?

    init(_ merchant: Merchant) {
        id = merchant.id.description
        payPalID = merchant.payPalID
        environment = merchant.environment.rawValue
        state = merchant.state.rawValue
        stateSince = merchant.stateSince
        siteURL = merchant.siteURL
        webhooksURL = merchant.webhooksURL
        country = merchant.profile.country
        paymentsReceivable = merchant.profile.paymentsReceivable
    }

    private enum CodingKeys: String, CodingKey {
        case id
        case payPalID = "paypal_id"
        case environment, state, stateSince
        case siteURL = "site_url"
        case webhooksURL = "webhooks_url"
        case country, paymentsReceivable
    }
}

struct ListMerchants: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "All shops that are or were connected.",
        discussion: """
            EXAMPLE
              gatehouse merchants list
            """
    )

    @OptionGroup var page: PageOptions<Merchant>
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var merchants: [MerchantEntry]
        /// Where the next page goes on; absent on the last.
        var next: String?

        func show(on page: inout Page) {
            var table = Table("id", "paypal", "env", "state", "since", "site")
            for merchant in merchants {
                table.row(
                    Table.Cell(merchant.id),
                    Table.Cell(merchant.payPalID),
                    Table.Cell(merchant.environment),
                    Table.Cell(merchant.state, merchant.state == "connected" ? .good : .plain),
                    Table.Cell(Moment.text(merchant.stateSince)),
                    Table.Cell(merchant.siteURL)
                )
            }
            page.table(table, otherwise: "No merchants.")
            page.next(next)
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let found = try await desk.store.read { try $0.merchants(after: page.after, limit: page.asked) }
        let (shown, next) = page.cut(found, id: \.id)
        return Reply(merchants: shown.map { MerchantEntry($0) }, next: next)
    }
}

struct ShowMerchant: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "One shop: what PayPal says of it, and its subscriptions.",
        discussion: """
            EXAMPLE
              gatehouse merchants show HF5SN9RKCTNJ2
            """
    )

    @Argument(help: "Our id, or PayPal's.")
    var merchant: String

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var merchant: MerchantEntry
        var capabilities: [String: String]
        /// How many subscriptions by status.
        var subscriptions: [String: Int]
        /// Absent while its webhooks go out, and before the first of them.
        var webhooksOff: SwitchedOff?

        struct SwitchedOff: Encodable, Sendable {
            var endpoint: String
            var state: String
            var since: Date
        }

        func show(on page: inout Page) {
            page.fields([
                "id": Table.Cell(merchant.id),
                "paypal": Table.Cell(merchant.payPalID + " (\(merchant.environment))"),
                "state": Table.Cell("\(merchant.state) since \(Moment.text(merchant.stateSince))"),
                "site": Table.Cell(merchant.siteURL),
                "webhooks": Table.Cell(merchant.webhooksURL),
                "switched off": webhooksOff.map {
                    Table.Cell(
                        "\($0.state) since \(Moment.text($0.since)), then: gatehouse endpoint enable \($0.endpoint)",
                        .bad
                    )
                },
                "country": Table.Cell(merchant.country),
                "can receive": Table.Cell(merchant.paymentsReceivable.map { $0 ? "yes" : "no" }),
                "subscriptions": Table.Cell(Self.listed(subscriptions.mapValues(String.init))),
                "capabilities": Table.Cell(Self.listed(capabilities)),
            ])
        }

        private static func listed(_ pairs: [String: String]) -> String? {
            pairs.isEmpty
                ? nil : pairs.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        try await desk.store.read { transaction in
            let found = try transaction.knownMerchant(merchant)
            let all = try transaction.vaultSubscriptions(of: found.id)
            let off = try transaction.endpoints(of: .merchant(found.id)).first {
                $0.state != .enabled && $0.url == found.webhooksURL
            }
            return Reply(
                merchant: MerchantEntry(found),
                capabilities: found.profile.capabilities,
                subscriptions: Dictionary(grouping: all, by: \.status.rawValue).mapValues(\.count),
                webhooksOff: off.map {
                    .init(endpoint: $0.id.description, state: $0.state.rawValue, since: $0.stateSince)
                }
            )
        }
    }
}

struct DisconnectMerchant: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "disconnect",
        abstract: "Let a shop go: its bearers die, nothing renews, buyers keep what they paid for.",
        discussion: """
            As the shop's own DELETE /merchant does. Exit status 3 when it was not connected.

            EXAMPLE
              gatehouse merchants disconnect HF5SN9RKCTNJ2 --yes
            """
    )

    @Argument(help: "Our id, or PayPal's.")
    var merchant: String

    @Flag(name: .long, help: "Really: its subscriptions are canceled.")
    var yes = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard yes else { throw ValidationError("All its subscriptions are canceled. Say --yes if that is meant.") }
    }

    struct Reply: Answer {
        var id: String
        var disconnected: Bool

        var exitStatus: ExitStatus { disconnected ? .ok : .no }

        func show(on page: inout Page) {
            page.line(
                disconnected ? "\(id) is disconnected." : "\(id) was not connected.",
                disconnected ? .good : .plain
            )
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let now = Date.now
        return try await desk.store.transaction { transaction in
            let found = try transaction.knownMerchant(merchant)
            return Reply(id: found.id.description, disconnected: try transaction.disconnect(found.id, at: now))
        }
    }
}
