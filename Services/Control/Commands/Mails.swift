import ArgumentParser
import Domain
import Foundation
import Outbound
import Postgres
import Store

/// `gatehouse mails`: the letters that were written, sent or not.
struct Mails: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The letters that were written, sent or not.",
        subcommands: [ListMails.self, ShowMail.self, MemberMails.self]
    )
}

struct ListMails: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List letters, the latest first.",
        discussion: """
            A kept letter was due while no mail was configured (SENDMAIL).

            EXAMPLE
              gatehouse mails list --state failed
            """
    )

    @OptionGroup var site: SiteOption

    @Option(name: .long, help: "What became of it.")
    var state: Mail.State?

    @OptionGroup var page: PageOptions<Mail>
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var mails: [MailEntry]
        /// Where the next page goes on; absent on the last.
        var next: String?

        func show(on page: inout Page) {
            var table = Table("id", "made", "to", "subject", "state")
            for mail in mails {
                table.row(
                    Table.Cell(mail.id),
                    Table.Cell(Moment.text(mail.createdAt)),
                    Table.Cell(mail.to),
                    Table.Cell(mail.subject),
                    Table.Cell(mail.state, mail.tone)
                )
            }
            page.table(table, otherwise: "No letters.")
            page.next(next)
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        try await desk.store.read { transaction in
            let site = try transaction.site(site)
            let found = try transaction.mails(of: site.id, state: state, after: page.after, limit: page.asked)
            let (mails, next) = page.cut(found, id: \.id)
            return Reply(mails: mails.map { MailEntry($0) }, next: next)
        }
    }
}

struct ShowMail: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a letter as it was written.",
        discussion: """
            Exit status 3 when there is no such letter.

            EXAMPLE
              gatehouse mails show 0198f0a2-7c4e-7b1d-9d5e-3f2a1b0c4d5e
            """
    )

    @Argument(help: "The letter's id.", transform: Reading.id)
    var id: Mail.ID

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var mail: MailEntry?
        var text: String?
        var html: String?

        var exitStatus: ExitStatus { mail == nil ? .no : .ok }

        func show(on page: inout Page) {
            guard let mail else { return page.line("There is no such letter.") }
            page.fields([
                "To": Table.Cell(mail.to),
                "Subject": Table.Cell(mail.subject),
                "State": Table.Cell(mail.state, mail.tone),
                "Why": mail.failure.map { Table.Cell($0) },
                "Tries": Table.Cell("\(mail.tries)"),
                "Made": Table.Cell(Moment.text(mail.createdAt)),
            ])
            page.heading("Text")
            page.block(text ?? "")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let mail = try await desk.store.read { try $0.mail(id) }
        return Reply(mail: mail.map { MailEntry($0) }, text: mail?.text, html: mail?.html)
    }
}

struct MemberMails: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "members",
        abstract: "Write to a site's members, or stop writing.",
        discussion: """
            Members get letters when they are welcome, when a payment fails and when their subscription ends. The welcome \
            has the address at which they sign in.

            EXAMPLE
              gatehouse mails members --sign-in-url https://members.example.com/sign-in
              gatehouse mails members --off
            """
    )

    @OptionGroup var site: SiteOption

    @Option(name: .customLong("sign-in-url"), help: ArgumentHelp("Where they sign in.", valueName: "address"))
    var signInURL: String?

    @Flag(name: .long, help: "Write to nobody any more.")
    var off = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (signInURL != nil) != off else { throw ValidationError("Give either --sign-in-url or --off.") }
        guard let signInURL else { return }
        // Because the error says nothing that an operator needs.
        guard (try? EndpointURL(signInURL, rules: .development)) != nil else {
            throw ValidationError("--sign-in-url takes an address such as https://members.example.com/sign-in.")
        }
    }

    struct Reply: Answer {
        var site: String
        /// Absent where nobody gets letters.
        var signInUrl: String?

        func show(on page: inout Page) {
            page.line(
                signInUrl == nil ? "Members of \(site) get no letters." : "Members of \(site) get letters.",
                .good
            )
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        try await desk.store.transaction { transaction in
            let site = try transaction.site(site)
            try transaction.setMemberMails(of: site.id, signInURL: signInURL)
            return Reply(site: site.slug.text, signInUrl: signInURL)
        }
    }
}

/// A letter in lists and documents.
struct MailEntry: Encodable, Sendable {
    var id: String
    var template: String
    var to: String
    var subject: String
    var state: String
    var tries: Int
    var failure: String?
    var createdAt: Date
    var settledAt: Date?

    init(_ mail: Mail) {
        id = mail.id.description
        template = mail.template
        to = mail.recipient.original
        subject = mail.subject
        state = mail.state.rawValue
        tries = mail.tries
        failure = mail.failure
        createdAt = mail.createdAt
        settledAt = mail.settledAt
    }

    var tone: Tone {
        switch Mail.State(rawValue: state) {
        case .sent: .good
        case .waiting: .plain
        case .kept: .warning
        case .failed, nil: .bad
        }
    }
}

extension Mail.State: ExpressibleByArgument {}
