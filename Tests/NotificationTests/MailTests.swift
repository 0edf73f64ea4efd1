import Domain
import Foundation
import Jobs
import NotificationJobs
import Postgres
import Store
import TestKit
import Testing

@testable import NotificationJobs

@Suite struct `A letter as mail programs read it` {
    let now = Date(timeIntervalSince1970: 1_790_000_000)

    private func letter(subject: String = "Welcome", text: String = "Hello", to address: String = "ana@example.com")
        -> Mail
    {
        Mail(
            id: .new(at: now),
            site: nil,
            template: "t",
            dedupeKey: "k",
            recipient: EmailAddress(address)!,
            subject: subject,
            text: text,
            html: "<p>\(text)</p>",
            createdAt: now
        )
    }

    @Test(arguments: [
        ("ana@example.com", "<ana@example.com>"), ("Ana.B+tag@Example.COM", "<Ana.B+tag@example.com>"),
        ("a,b@example.com", #"<"a,b"@example.com>"#), (#"a"b\c@example.com"#, #"<"a\"b\\c"@example.com>"#),
        ("a>,<evil@x.example>@example.com", #"<"a>,<evil@x.example>"@example.com>"#),
        ("ana@bücher.example", "<ana@xn--bcher-kva.example>"),
    ]) func `an address is one address, whatever is in it`(address: String, written: String) throws {
        #expect(MailMessage.mailbox(try #require(EmailAddress(address))) == written)
    }

    @Test(arguments: ["zoë@example.com", "ana@exa,mple.com", "ana@exam>ple.com"])
    func `what can't be written safely is not written`(address: String) throws {
        #expect(MailMessage.mailbox(try #require(EmailAddress(address))) == nil)
    }

    @Test func `no line end gets into a header`() throws {
        let mail = letter(subject: "Hi\r\nBcc: evil@example.com\n\nbody")
        let bytes = try #require(MailMessage.bytes(of: mail, from: EmailAddress("gate@house.example")!, at: now))
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(!text.contains("\nBcc:"))
        #expect(text.contains("\nSubject: Hi  Bcc: evil@example.com  body\n"))
    }

    @Test func `everything is ASCII in short lines`() throws {
        let mail = letter(
            subject: String(repeating: "Willkommen, Zoë 😀 ", count: 12),
            text: String(repeating: "überlang ", count: 100) + "\n.\nFrom here \nend "
        )
        let bytes = try #require(MailMessage.bytes(of: mail, from: EmailAddress("gate@house.example")!, at: now))
        #expect(bytes.allSatisfy { $0 < 0x7F })
        for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) { #expect(line.count <= 78) }
        #expect(!String(decoding: bytes, as: UTF8.self).contains("\n.\n"))
        #expect(!String(decoding: bytes, as: UTF8.self).contains("\nFrom "))
    }

    @Test func `each letter has its text, its HTML and its subject`() throws {
        let person = Letter.Person(
            email: EmailAddress("ana@example.com")!,
            name: "Ana <b>",
            site: .new(at: now),
            siteName: "Sails & Co"
        )
        var endpoint = Endpoint(
            id: .new(at: now),
            owner: .site(person.site),
            url: "https://shop.example/hook?token=secret",
            contact: EmailAddress("ops@example.com"),
            state: .delinquent,
            stateSince: now,
            createdAt: now
        )
        endpoint.failing = .init(since: now.addingTimeInterval(-500_000), attempts: 12)
        let letters: [Letter] = [
            .welcome(person, link: "https://site.example/in?a=1&b=2"),
            .paymentFailed(person, plan: "Basic", until: now),
            .accessEnding(person, plan: nil, until: nil), .endpointOff(endpoint),
        ]
        let mails = try letters.compactMap { try $0.mail(about: "k", at: now) }
        #expect(
            mails.map(\.subject) == [
                "Welcome to Sails & Co", "Your payment at Sails & Co did not go through",
                "Your access to Sails & Co ends", "We no longer send messages to shop.example",
            ]
        )
        #expect(mails[0].text.contains("Hello Ana <b>,"))
        #expect(mails[0].html.contains("Hello Ana &lt;b&gt;,"))
        #expect(mails[0].text.contains("https://site.example/in?a=1&b=2\n"))
        #expect(mails[1].text.contains("until 21 September 2026"))
        #expect(mails[3].recipient.original == "ops@example.com")
        #expect(!mails[3].text.contains("token"))
        for mail in mails { #expect(!(mail.subject + mail.text + mail.html).contains("{{")) }
    }

    @Test(arguments: [
        (75, "later"), (69, "later"), (78, "later"), (1, "later"), (127, "later"), (65, "refused"), (67, "refused"),
    ])
    func `the exit status says whether to try again`(code: Int32, what: String) {
        #expect("\(Sendmail.outcome(ofExit: code, isTaken: true))".hasPrefix(what))
        #expect(Sendmail.outcome(ofExit: 0, isTaken: true) == .sent)
    }
}

@Suite struct `Handing letters to the system` {
    @Test func `the program gets every byte, its exit status counts, and a slow one is ended`() async throws {
        let file = try TestDirectory.make("mail") + "/got"
        let message = [UInt8](repeating: UInt8(ascii: "x"), count: 300_000)
        #expect(await Sendmail(["/bin/sh", "-c", "cat > \(file)"])?.send(message) == .sent)
        #expect(FileManager.default.contents(atPath: file).map(Array.init) == message)
        #expect(
            await Sendmail(["/bin/sh", "-c", "exit 67"])?.send([1])
                == .refused("exit status 67: nobody has that address")
        )
        #expect(await Sendmail(["/bin/sh", "-c", "exit 75"])?.send(message) == .later("exit status 75"))
        #expect(await Sendmail(["/bin/true"])?.send(message) == .later("it did not read the message"))
        let slow = Sendmail(["/bin/sh", "-c", "cat > /dev/null; sleep 60"], timeout: .milliseconds(300))
        #expect(await slow?.send([1]) == .later("it took too long"))
        #expect(await Sendmail(["/nonexistent/sendmail"])?.send([1]) != .sent)
        #expect(Sendmail([]) == nil)
    }

    @Test func `without mail a letter is kept and shown, once for each thing it is about`() async throws {
        let site = try await TestSite()
        let redis = try await TestRedis()
        let jobs = JobQueue(redis: redis.client, prefix: redis.prefix, logger: .silent)
        let relay = OutboxRelay(store: site.store, jobs: jobs, logger: .silent)
        let worker = Worker(
            MailDependencies(store: site.store, sendmail: nil, sender: nil),
            queue: jobs,
            runs: [SendMail.self],
            logger: .silent
        )
        let member = Member.ID.new(at: Date())
        try await site.stage(.memberCreated, member: member)
        _ = try await relay.relay(at: Date())
        #expect(try await site.count("SELECT count(*) FROM mails") == 0)
        try await site.store.transaction {
            try $0.setMemberMails(of: site.id, signInURL: "https://members.example/in")
        }
        for _ in 0..<2 { try await site.stage(.memberCreated, member: member) }
        _ = try await relay.relay(at: Date())
        try await relay.relayMails(at: Date())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            try await eventually { try await site.count("SELECT count(*) FROM mails WHERE state = 'kept'") == 1 }
            group.cancelAll()
        }
        let mails = try await site.store.read { try $0.mails(of: site.id, state: nil, after: nil, limit: 10) }
        #expect(mails.count == 1)
        #expect(mails.first?.text.contains("https://members.example/in") == true)
    }

    @Test func `a letter that can't be written keeps no message back`() async throws {
        let site = try await TestSite()
        let redis = try await TestRedis()
        let jobs = JobQueue(redis: redis.client, prefix: redis.prefix, logger: .silent)
        let relay = OutboxRelay(store: site.store, jobs: jobs, logger: .silent)
        try await site.store.transaction {
            try $0.setMemberMails(of: site.id, signInURL: "https://members.example/in")
        }
        try await site.endpoint("https://shop.example/hook")
        try await site.stage(.memberCreated)
        // As a later release may write it, or an earlier one wrote it.
        _ = try await site.database.pool.query("UPDATE outbox SET body = '{\"data\":{\"member\":{\"id\":7}}}'")
        try await site.stage(.memberCreated)
        #expect(try await relay.relay(at: Date()) == 2)
        #expect(try await site.count("SELECT count(*) FROM deliveries") == 2)
        #expect(try await site.count("SELECT count(*) FROM mails") == 1)
    }
}
