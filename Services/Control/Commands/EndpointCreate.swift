import ArgumentParser
import Domain
import Foundation
import NotificationJobs
import Outbound
import Postgres
import Store

struct CreateEndpoint: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Tell an address what happens on a site.",
        discussion: """
            Shows the secret that signs, once: give it to whoever runs the address. Services/Notifications/README.md has \
            every event with an example and says how to verify.

            EXAMPLE
              gatehouse endpoint create https://example.com/hooks/gatehouse
              gatehouse endpoint create https://example.com/hooks --event entitlement.granted --event entitlement.revoked
              gatehouse endpoint create https://example.com/sailing --plan sailing --contact ops@example.com
            """
    )

    static let needs: Set<Need> = [.database, .keys]

    @Argument(help: ArgumentHelp("Where to post: https://…", valueName: "address"))
    var url: String

    @OptionGroup var site: SiteOption

    @Option(name: .long, help: "An event to tell; repeat it for several (default: all).")
    var event: [Message.Kind] = []

    @Option(
        name: .long,
        help: ArgumentHelp("Tell only what is about this plan.", valueName: "slug"),
        transform: Reading.slug
    )
    var plan: Slug?

    @Option(name: .long, help: "What it is for.")
    var about: String?

    @Option(name: .long, help: "Who is told when it is switched off.", transform: Reading.email)
    var contact: EmailAddress?

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var endpoint: EndpointEntry
        /// Shown here and never again.
        var secret: String

        func show(on page: inout Page) {
            page.line("Made the endpoint.", .good)
            endpoint.show(on: &page)
            page.line()
            page.line("Its secret, shown this once:")
            page.line("  \(secret)")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let (store, sealer, now, rules) = (try desk.store, try desk.sealer, Date.now, desk.endpointRules)
        do {
            _ = try EndpointURL(url, rules: rules)
        } catch {
            throw CommandProblem.usage(
                "the address can't be used: \(error.explanation)",
                fix: rules.allowsPlain
                    ? "an address such as https://example.com/hooks"
                    : "an address such as https://example.com/hooks; OUTBOUND_PLAIN=true takes http:// for development"
            )
        }
        return try await store.transaction { transaction in
            let site = try transaction.site(site)
            let plan = try plan.map { try transaction.plan($0, of: site) }
            let endpoint = Endpoint(
                id: .new(at: now),
                owner: .site(site.id),
                url: url,
                description: about.flatMap { $0.trimmingBlanks().isEmpty ? nil : $0.trimmingBlanks() },
                plan: plan?.id,
                types: Set(event),
                contact: contact,
                stateSince: now,
                createdAt: now
            )
            let secret = try NewEndpointSecret(for: endpoint.id, sealedBy: sealer, at: now)
            try transaction.insert(endpoint)
            try transaction.insert(secret.stored)
            return Reply(endpoint: EndpointEntry(endpoint, plan: plan), secret: secret.text)
        }
    }
}

extension Message.Kind: ExpressibleByArgument {}

extension EndpointURL.Refusal {
    fileprivate var explanation: String {
        switch self {
        case .tooLong: "it has more than 2048 bytes"
        case .notASCII: "it holds blanks, backslashes or letters beyond ASCII; write the host as punycode"
        case .scheme: "it must begin with https://"
        case .user: "it must not hold a user or a password"
        case .host: "its host is no public name"
        case .literal: "its host must be a name, not a number"
        case .port: "its port is not allowed"
        case .fragment: "it must not hold a #"
        }
    }
}
