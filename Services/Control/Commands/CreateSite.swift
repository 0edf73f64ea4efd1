import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

struct CreateSite: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a site.",
        discussion: """
            ThriveCart shows the secret word under Settings, API & Webhooks, ThriveCart order validation. It is read from \
            a file, from standard input (-) or from a prompt, and never shown again.

            EXAMPLE
              gatehouse site create demo --name Demo --thrivecart-account demoshop
              gatehouse site create demo --name Demo --thrivecart-account demoshop \\
                --thrivecart-secret-file secret.txt --if-missing
            """
    )

    static let needs: Set<Need> = [.database, .redis, .keys]

    @Argument(
        help: ArgumentHelp("Its short name, part of its webhook's address.", valueName: "slug"),
        transform: Reading.slug
    )
    var slug: Slug

    @Option(name: .long, help: "Its name.")
    var name: String

    @Option(
        name: .customLong("thrivecart-account"),
        help: ArgumentHelp("The account's name: what stands before .thrivecart.com.", valueName: "account")
    )
    var thriveCartAccount: String?

    @OptionGroup var secret: SecretOption

    @Flag(name: .long, help: "Let orders in test mode give access too.")
    var testModeGrants = false

    @Option(name: .long, help: "Days of access after a declined renewal, 0 to 90.")
    var graceDays = 7

    @Option(name: .long, help: "Days of access after a renewal that nobody mentions, 0 to 90.")
    var slackDays = 7

    @Flag(name: .long, help: "Leave a site of this name as it is, and say that all is well.")
    var ifMissing = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard !name.trimmingBlanks().isEmpty else { throw ValidationError("--name must not be empty.") }
        guard (0...90).contains(graceDays), (0...90).contains(slackDays) else {
            throw ValidationError("--grace-days and --slack-days must be between 0 and 90.")
        }
        if let account = thriveCartAccount?.trimmingBlanks() {
            guard !account.isEmpty, !account.contains(where: { $0 == "." || $0 == "/" || $0.isWhitespace }) else {
                throw ValidationError("--thrivecart-account takes demoshop, not demoshop.thrivecart.com or an address.")
            }
        } else if secret.file != nil {
            throw ValidationError("--thrivecart-secret-file needs --thrivecart-account.")
        }
    }

    struct Reply: Answer {
        var created: Bool
        var site: SiteEntry

        func show(on page: inout Page) {
            page.line(created ? "Made the site \(site.site)." : "The site \(site.site) exists already.", .good)
            site.show(on: &page)
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let (store, now) = (try desk.store, Date.now)
        let exists = try await store.read { try $0.site(slug: slug) != nil }
        if exists && !ifMissing {
            throw CommandProblem.failure(
                "there is a site \(slug) already",
                fix: "another name, or --if-missing to leave it as it is"
            )
        }
        if !exists { try await make(in: store, sealingWith: desk, at: now) }
        try await desk.publishIngressSettings(at: now)
        return try await store.read { transaction in
            let site = try transaction.site(slug)
            return Reply(
                created: !exists,
                site: SiteEntry(site, try transaction.siteCounts(at: now)[site.id], ingress: desk.ingress)
            )
        }
    }

    private func make(in store: Store, sealingWith desk: Desk, at now: Date) async throws {
        let site = Site(
            id: Site.ID.new(at: now),
            slug: slug,
            name: name.trimmingBlanks(),
            thriveCartAccount: thriveCartAccount,
            testModeGrants: testModeGrants,
            policy: AccessPolicy(graceDays: graceDays, slackDays: slackDays),
            createdAt: now
        )
        let sealed = try thriveCartAccount.map { _ in
            try SiteSecret(try secret.read(), of: site.id, sealedBy: try desk.sealer, at: now)
        }
        let isNew = try await store.transaction { transaction in
            guard try transaction.insert(site) else { return false }
            if let sealed { try transaction.insert(sealed) }
            return true
        }
        if !isNew && !ifMissing {
            throw CommandProblem.failure(
                "somebody else has just made a site \(slug)",
                fix: "gatehouse site show \(slug)"
            )
        }
    }
}
