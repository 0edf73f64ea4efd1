package import Domain
package import Foundation
package import Jobs
import Logging
import Postgres
package import Store

/// Sends one letter.
///
/// Safe to run twice: a letter that was settled is not sent again. If we die between sending and keeping that, it goes out
/// a second time, with the same Message-ID; mail knows no better.
package struct SendMail: Job {
    // What is asked.

    package var mail: Mail.ID
    /// How often it was tried before.
    package var tries: Int

    package init(_ mail: Mail.ID, tries: Int) {
        self.mail = mail
        self.tries = tries
    }

    package static func id(of mail: Mail.ID, tries: Int) -> JobID { "\(mail)/\(tries)" }

    // How it is run.

    package static let kind: JobKind = "mail.send"
    package static let queue: QueueName = "mail"
    package static let policy = JobPolicy(attempts: 10, lease: .seconds(30), timeout: .seconds(120))

    /// The waits between tries, then it has failed: two days, as mail servers try.
    static let waits: [TimeInterval] = [60, 300, 1800, 7200, 21_600, 43_200, 86_400]

    // What is done.

    package func run(_ deps: MailDependencies, _ context: JobContext) async throws -> JobOutcome {
        do {
            let found = try await deps.store.read { try $0.mail(mail) }
            guard let found, found.state == .waiting, found.tries == tries else {
                return .discarded("the letter is settled, or another try has taken this one's place")
            }
            let outcome = try await deps.send(found, at: context.now())
            try await settle(found, outcome, deps, context)
            return .done
        } catch let error as PostgresError where error.isTransient {
            return .snoozed(.seconds(5))
        }
    }

    private func settle(
        _ found: Mail,
        _ outcome: MailDependencies.Outcome,
        _ deps: MailDependencies,
        _ context: JobContext
    ) async throws {
        let (id, now) = (mail, context.now())
        let logged: Logger.Metadata = ["mail": "\(id)", "template": "\(found.template)"]
        switch outcome {
        case .tried(.sent): try await deps.store.transaction { try $0.settle(id, as: .sent, at: now) }
        case .kept: try await deps.store.transaction { try $0.settle(id, as: .kept, at: now) }
        case .tried(.refused(let why)):
            context.logger.warning("a letter was refused", metadata: logged.merging(["why": "\(why)"]) { $1 })
            try await deps.store.transaction { try $0.settle(id, as: .failed, failure: why, at: now) }
        case .tried(.later(let why)):
            context.logger.warning("a letter waits", metadata: logged.merging(["why": "\(why)"]) { $1 })
            guard tries < Self.waits.count else {
                try await deps.store.transaction { try $0.settle(id, as: .failed, failure: why, at: now) }
                return
            }
            let next = now.addingTimeInterval(Self.waits[tries])
            try await deps.store.transaction { try $0.postpone(id, to: next, because: why) }
        }
    }
}

/// What sends letters.
package struct MailDependencies: Sendable {
    package let store: Store
    private let sendmail: Sendmail?
    private let sender: EmailAddress?

    enum Outcome {
        case tried(Sendmail.Outcome)
        /// No mail is configured.
        case kept
    }

    package init(store: Store, sendmail: Sendmail?, sender: EmailAddress?) {
        self.store = store
        self.sendmail = sendmail
        self.sender = sender
    }

    func send(_ mail: Mail, at now: Date) async throws -> Outcome {
        guard let sendmail, let sender else { return .kept }
        guard let message = MailMessage.bytes(of: mail, from: sender, at: now) else {
            return .tried(.refused("the address can't be written in ASCII"))
        }
        return .tried(await sendmail.send(message))
    }
}
