import ArgumentParser
import Domain
import Foundation
import Postgres
import Sealing
import Store

struct RotateSiteSecret: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-secret",
        abstract: "Give a site a new secret; the old one is good for a while.",
        discussion: """
            ThriveCart switches to a new secret word at once, but webhooks on their way carry the old one. Repeating the \
            command with the same secret changes nothing but the old one's end.

            EXAMPLE
              gatehouse site rotate-secret demo --thrivecart-secret-file new-secret.txt
              gatehouse site rotate-secret demo --thrivecart-secret-file - --keep-old 0s
            """
    )

    static let needs: Set<Need> = [.database, .redis, .keys]

    @Argument(
        help: ArgumentHelp("The site's short name (default: the only site).", valueName: "slug"),
        transform: Reading.slug
    )
    var slug: Slug?

    @OptionGroup var secret: SecretOption

    @Option(
        name: .long,
        help: ArgumentHelp("How long the old secret stays good (default: 24h).", valueName: "time"),
        transform: Reading.span
    )
    var keepOld: Duration = .seconds(86_400)

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var site: String
        /// False where the site had this secret already.
        var added: Bool
        /// Old secrets that got an end.
        var retired: Int
        var oldGoodUntil: Date

        func show(on page: inout Page) {
            page.line(added ? "\(site) has a new secret." : "\(site) had this secret already.", .good)
            if retired > 0 { page.line("\(retired.counted("old secret")) good until \(Moment.text(oldGoodUntil))") }
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let (store, sealer, now) = (try desk.store, try desk.sealer, Date.now)
        let site = try await store.read { try $0.site(slug) }
        let word = try secret.read()
        let end = now.addingTimeInterval(keepOld.inSeconds)
        let reply = try await store.transaction { transaction in
            let known = try transaction.currentSecrets(of: site.id, for: .thriveCart, at: now).first { secret in
                ConstantTime.equal(try sealer.openText(secret.sealed, for: SiteSecret.place(of: secret.id)), word)
            }
            let kept = try known ?? SiteSecret(word, of: site.id, sealedBy: sealer, at: now)
            if known == nil { try transaction.insert(kept) }
            let retired = try transaction.retireSecrets(of: site.id, for: .thriveCart, but: kept.id, at: end)
            return Reply(site: site.slug.text, added: known == nil, retired: retired, oldGoodUntil: end)
        }
        try await desk.publishIngressSettings(at: now)
        return reply
    }
}

/// Where the secret word is read from.
struct SecretOption: ParsableArguments {
    @Option(
        name: .customLong("thrivecart-secret-file"),
        help: ArgumentHelp("The file with the secret word, or - for standard input.", valueName: "file")
    )
    var file: String?

    func read() throws -> String {
        try SecretSource.read(file, prompt: "ThriveCart's secret word", option: "--thrivecart-secret-file")
    }
}

extension SiteSecret {
    init(_ word: String, of site: Site.ID, sealedBy sealer: Sealer, at now: Date) throws {
        let id = SiteSecret.ID.new(at: now)
        self.init(
            id: id,
            site: site,
            provider: .thriveCart,
            sealed: try sealer.seal(word, for: Self.place(of: id)),
            createdAt: now
        )
    }
}
