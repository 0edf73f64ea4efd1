import Domain
import Foundation
import Jobs
import NotificationJobs
import Outbound
import Postgres
import Store
import TestKit
import Testing

@Suite struct `Judged from outside` {
    @Test func `the verifier of Standard Webhooks takes what is sent, under the old secret and the new`() async throws {
        guard let python = await Python.environment.value else {
            print("skipped: PyPI's standardwebhooks could not be installed")
            return
        }
        let office = try await Office()
        let receiver = try await Receiver.start()
        let endpoint = try await office.site.endpoint(receiver.url())
        let now = Date()
        let newer = try NewEndpointSecret(for: endpoint.id, sealedBy: office.site.sealer, at: now)
        try await office.site.store.transaction { transaction in
            try transaction.insert(newer.stored)
            try transaction.retireSecrets(of: endpoint.id, but: newer.stored.id, at: now.addingTimeInterval(3600))
        }
        for name in ["Ana", "Zoë \\u0001 1.0", "漢 \"x\""] { try await office.site.stage(name: name) }
        try await office.open {
            try await eventually { try await office.site.unsettled == 0 }
        }
        let folder = try TestDirectory.make("judge")
        let script = """
            import json, sys
            from standardwebhooks.webhooks import Webhook, WebhookVerificationError
            for path in sys.argv[2:]:
                case = json.load(open(path))
                body = bytes.fromhex(case["body"])
                wh = Webhook(sys.argv[1])
                wh.verify(body, case["headers"])
                try:
                    wh.verify(body + b" ", case["headers"])
                except WebhookVerificationError:
                    continue
                sys.exit("a changed body was taken")
            print("verified", len(sys.argv) - 2)
            """
        try Data(script.utf8).write(to: URL(filePath: folder + "/judge.py"))
        var paths: [String] = []
        for (number, request) in receiver.requests.enumerated() {
            let body = request.body.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
            let document: [String: Any] = ["headers": request.headers, "body": body]
            paths.append("\(folder)/\(number).json")
            try JSONSerialization.data(withJSONObject: document).write(to: URL(filePath: paths[number]))
        }
        for secret in [endpoint.secret, newer.bytes] {
            let words = [folder + "/judge.py", StandardWebhook.text(of: secret)] + paths
            #expect(try await run(python, words) == "verified 3\n")
        }
        try await receiver.stop()
    }

    @Test func `a real mail server gets the letter whole`() async throws {
        guard let python = await Python.environment.value,
            FileManager.default.isExecutableFile(atPath: "/usr/bin/msmtp")
        else {
            print("skipped: PyPI's aiosmtpd could not be installed, or there is no /usr/bin/msmtp")
            return
        }
        let folder = try TestDirectory.make("smtp")
        let port = try freePort()
        let script = """
            import asyncio, json, sys
            from email import policy
            from email.parser import BytesParser
            from aiosmtpd.controller import Controller
            class Keeper:
                async def handle_DATA(self, server, session, envelope):
                    mail = BytesParser(policy=policy.default).parsebytes(envelope.content)
                    parts = {p.get_content_type(): p.get_content().replace("\\r\\n", "\\n") for p in mail.walk() if not p.is_multipart()}
                    json.dump({"from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": mail["subject"],
                        "id": mail["message-id"], "defects": [str(d) for d in mail.defects], "parts": parts},
                        open(sys.argv[2] + ".new", "w"))
                    import os; os.rename(sys.argv[2] + ".new", sys.argv[2])
                    return "250 kept"
                async def handle_RCPT(self, server, session, envelope, address, options):
                    if address.startswith("nobody"): return "550 nobody here"
                    envelope.rcpt_tos.append(address)
                    return "250 fine"
            Controller(Keeper(), hostname="127.0.0.1", port=int(sys.argv[1])).start()
            asyncio.new_event_loop().run_forever()
            """
        try Data(script.utf8).write(to: URL(filePath: folder + "/server.py"))
        let server = try ServerProcess(
            .init(python, [folder + "/server.py", "\(port)", folder + "/got"], log: folder + "/log")
        )
        let sendmail = Sendmail([
            "/usr/bin/msmtp", "--file=/dev/null", "--host=127.0.0.1", "--port=\(port)", "-t", "--read-envelope-from",
        ])
        let site = try await TestSite()
        let redis = try await TestRedis()
        let jobs = JobQueue(redis: redis.client, prefix: redis.prefix, logger: .silent)
        let relay = OutboxRelay(store: site.store, jobs: jobs, logger: .silent)
        let worker = Worker(
            MailDependencies(store: site.store, sendmail: sendmail, sender: EmailAddress("gate@house.example")),
            queue: jobs,
            runs: [SendMail.self],
            logger: .silent
        )
        let person = Letter.Person(
            email: EmailAddress("ana,b@example.com")!,
            name: "Zoë",
            site: site.id,
            siteName: "Bücher & Co 漢字"
        )
        let nobody = Letter.Person(email: EmailAddress("nobody@example.com")!, name: nil, site: site.id, siteName: "x")
        // The server answers once Python has loaded.
        try await eventually {
            (try? await run("bash", ["-c", "exec 3<>/dev/tcp/127.0.0.1/\(port)"])) != nil
        }
        try await site.store.transaction { transaction in
            let link = "https://members.example/in?a=1&b=" + String(repeating: "x", count: 120)
            for (number, to) in [person, nobody].enumerated() {
                if let mail = try Letter.welcome(to, link: link).mail(about: "\(number)", at: Date()) {
                    try transaction.stage(mail)
                }
            }
        }
        try await relay.relayMails(at: Date())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            try await eventually {
                try await site.count("SELECT count(*) FROM mails WHERE state IN ('sent', 'failed')") == 2
            }
            group.cancelAll()
        }
        let mails = try await site.store.read { try $0.mails(of: site.id, state: nil, after: nil, limit: 10) }
        let sent = try #require(mails.first { $0.recipient == person.email })
        #expect(sent.state == .sent)
        #expect(mails.first { $0.recipient == nobody.email }?.state == .failed)
        let data = try #require(FileManager.default.contents(atPath: folder + "/got"))
        let got = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
        let parts = try #require(got["parts"] as? [String: String])
        #expect(got["from"] as? String == "gate@house.example")
        #expect(got["to"] as? [String] == [#""ana,b"@example.com"#])
        #expect(got["subject"] as? String == "Welcome to Bücher & Co 漢字")
        #expect((got["id"] as? String)?.contains(sent.id.description) == true)
        #expect((got["defects"] as? [String])?.isEmpty == true)
        #expect(parts["text/plain"]?.trimmingCharacters(in: .newlines) == sent.text.trimmingCharacters(in: .newlines))
        #expect(parts["text/html"]?.trimmingCharacters(in: .newlines) == sent.html.trimmingCharacters(in: .newlines))
        await server.stop()
    }
}
