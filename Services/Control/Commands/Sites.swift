import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

/// `gatehouse site`: the sites, and the secrets that prove their webhooks.
struct Sites: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "site",
        abstract: "The sites, and the secrets that prove their webhooks.",
        subcommands: [CreateSite.self, ListSites.self, ShowSite.self, UpdateSite.self, RotateSiteSecret.self]
    )
}

struct ListSites: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the sites.",
        discussion: """
            EXAMPLE
              gatehouse site list
            """
    )

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var sites: [SiteEntry]

        func show(on page: inout Page) {
            var table = Table("site", "name", "thrivecart", .number("plans"), .number("members"), "status")
            for site in sites {
                table.row(
                    Table.Cell(site.site),
                    Table.Cell(site.name),
                    Table.Cell(site.thriveCartAccount),
                    Table.Cell("\(site.plans)"),
                    Table.Cell("\(site.members)"),
                    Table.Cell(site.status, site.status == Site.Status.active.rawValue ? .good : .warning)
                )
            }
            page.table(table, otherwise: "No sites yet.")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        try await desk.store.read { transaction in
            let counts = try transaction.siteCounts(at: .now)
            return Reply(sites: try transaction.sites().map { SiteEntry($0, counts[$0.id], ingress: desk.ingress) })
        }
    }
}

struct ShowSite: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a site and where ThriveCart must send its webhooks.",
        discussion: """
            Exit status 1 when there is no such site.

            EXAMPLE
              gatehouse site show demo
            """
    )

    @Argument(
        help: ArgumentHelp("The site's short name (default: the only site).", valueName: "slug"),
        transform: Reading.slug
    )
    var slug: Slug?

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var site: SiteEntry
        var plans: [PlanEntry]

        func show(on page: inout Page) {
            site.show(on: &page)
            page.heading("Plans")
            page.table(PlanEntry.table(plans), otherwise: "None yet.")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        try await desk.store.read { transaction in
            let site = try transaction.site(slug)
            let members = try transaction.memberCounts(of: site.id)
            return Reply(
                site: SiteEntry(site, try transaction.siteCounts(at: .now)[site.id], ingress: desk.ingress),
                plans: try transaction.plans(of: site.id).map { PlanEntry($0, members: members[$0.id] ?? 0) }
            )
        }
    }
}

/// A site in lists and documents. Of its secrets, only how many there are.
struct SiteEntry: Encodable, Sendable {
    var id: String
    var site: String
    var name: String
    var status: String
    var thriveCartAccount: String?
    var webhookURL: String
    /// Secrets that prove a webhook now, and when the newest was set.
    var secrets: Int
    var secretSetAt: Date?
    var testModeGrants: Bool
    var graceDays: Int
    var slackDays: Int
    var plans: Int
    var members: Int
    var createdAt: Date

    init(_ site: Site, _ counts: SiteCounts?, ingress: String) {
        id = site.id.description
        self.site = site.slug.text
        name = site.name
        status = site.status.rawValue
        thriveCartAccount = site.thriveCartAccount
        webhookURL = site.webhookURL(at: ingress)
        secrets = counts?.secrets ?? 0
        secretSetAt = counts?.secretSetAt
        testModeGrants = site.testModeGrants
        graceDays = site.policy.graceDays
        slackDays = site.policy.slackDays
        plans = counts?.plans ?? 0
        members = counts?.members ?? 0
        createdAt = site.createdAt
    }

    func show(on page: inout Page) {
        page.fields([
            "Site": Table.Cell("\(site), \(name)"),
            "Status": Table.Cell(status),
            "ThriveCart": Table.Cell(thriveCartAccount),
            "Webhooks to": Table.Cell(webhookURL),
            "Secrets": secrets == 0
                ? Table.Cell("none: every webhook is refused", .bad)
                : Table.Cell("\(secrets) good now" + (secretSetAt.map { ", the newest of \(Moment.text($0))" } ?? "")),
            "Test orders": Table.Cell(testModeGrants ? "give access" : "give no access"),
            "After a decline": Table.Cell("\(graceDays.counted("day")) of access"),
            "After silence": Table.Cell("\(slackDays.counted("day")) of access"),
            "Members": Table.Cell("\(members)"),
            "Id": Table.Cell(id, .faint),
        ])
    }

    private enum CodingKeys: String, CodingKey {
        case id, site, name, status
        case thriveCartAccount = "thrivecartAccount"
        case webhookURL = "webhookUrl"
        case secrets, secretSetAt, testModeGrants, graceDays, slackDays, plans, members, createdAt
    }
}

extension Site {
    /// Where ThriveCart sends this site's webhooks.
    func webhookURL(at ingress: String) -> String { "\(ingress)/webhooks/thrivecart/\(slug)" }
}
