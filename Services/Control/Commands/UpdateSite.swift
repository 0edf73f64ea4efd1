import ArgumentParser
import Domain
import Foundation
import Postgres
import Sealing
import Store

struct UpdateSite: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "update",
        abstract: "Change a site.",
        discussion: """
            What is not named stays. What a change means for members is worked out at once. The webhooks of a suspended \
            site are refused; its members keep what they have.

            EXAMPLE
              gatehouse site update demo --test-mode-grants
              gatehouse site update demo --grace-days 14 --name "Demo shop"
              gatehouse site update demo --thrivecart-api-key-file -
            """
    )

    static let needs: Set<Need> = [.database, .redis, .keys]

    @Argument(
        help: ArgumentHelp("The site's short name (default: the only site).", valueName: "slug"),
        transform: Reading.slug
    )
    var slug: Slug?

    @Option(name: .long, help: "Its name.")
    var name: String?

    @Option(
        name: .customLong("thrivecart-account"),
        help: ArgumentHelp("The account's name, while nothing was sold yet.", valueName: "account"),
        transform: Reading.thriveCartAccount
    )
    var thriveCartAccount: String?

    @Option(
        name: .customLong("thrivecart-api-key-file"),
        help: ArgumentHelp("The file with the key that reads ThriveCart's books, or - for input.", valueName: "file")
    )
    var thriveCartAPIKeyFile: String?

    @Flag(name: .long, inversion: .prefixedNo, help: "Whether orders in test mode give access.")
    var testModeGrants: Bool?

    @Option(name: .long, help: "Days of access after a declined renewal, 0 to 90.")
    var graceDays: Int?

    @Option(name: .long, help: "Days of access after a renewal that nobody mentions, 0 to 90.")
    var slackDays: Int?

    @Option(name: .long, help: "Whether its webhooks are taken.")
    var status: Site.Status?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let name, name.trimmingBlanks().isEmpty { throw ValidationError("--name must not be empty.") }
        guard [graceDays, slackDays].allSatisfy({ $0.map { (0...90).contains($0) } ?? true }) else {
            throw ValidationError("--grace-days and --slack-days must be between 0 and 90.")
        }
    }

    struct Reply: Answer {
        var site: SiteEntry

        func show(on page: inout Page) { site.show(on: &page) }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let now = Date.now
        let key = try thriveCartAPIKeyFile.map { file in
            try SecretSource.read(file, prompt: "ThriveCart's API key", option: "--thrivecart-api-key-file")
        }
        let sealer = try desk.sealer
        let site = try await desk.store.transaction { transaction in
            let site = try changed(try transaction.site(slug), in: transaction)
            try transaction.update(site)
            if let key {
                let id = SiteAPIKey.ID.new(at: now)
                let sealed = try sealer.seal(key, for: SiteAPIKey.place(of: id))
                try transaction.save(
                    SiteAPIKey(id: id, site: site.id, provider: .thriveCart, sealed: sealed, createdAt: now)
                )
            }
            return site
        }
        try await desk.rederive(site, because: "site update", at: now)
        try await desk.publishIngressSettings(at: now)
        return try await desk.store.read { transaction in
            let counts = try transaction.siteCounts(at: now)[site.id]
            return Reply(site: SiteEntry(site, counts, ingress: desk.ingress))
        }
    }

    private func changed(_ before: Site, in transaction: Transaction) throws -> Site {
        var site = before
        if let thriveCartAccount, thriveCartAccount != before.thriveCartAccount {
            // Because an order is known by its account: under another name, old orders would be strangers.
            guard try transaction.orderCount(of: before.id) == 0 else {
                throw CommandProblem.failure(
                    "\(before.slug) has orders of the account \(before.thriveCartAccount ?? "before")",
                    fix: "gatehouse site create, for the other account"
                )
            }
            site.thriveCartAccount = thriveCartAccount
        }
        site.name = name?.trimmingBlanks() ?? before.name
        site.testModeGrants = testModeGrants ?? before.testModeGrants
        site.policy.graceDays = graceDays ?? before.policy.graceDays
        site.policy.slackDays = slackDays ?? before.policy.slackDays
        site.status = status ?? before.status
        return site
    }
}

extension Site.Status: ExpressibleByArgument {}
