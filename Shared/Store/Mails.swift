package import Domain
package import Foundation
package import Postgres

/// A letter to a person: made once, sent as it is.
package struct Mail: Sendable, Hashable {
    package typealias ID = Identifier<Mail>

    package enum State: String, Sendable, Codable, CaseIterable {
        case waiting, sent
        /// No mail was configured when it was due.
        case kept
        case failed
    }

    package var id: ID
    /// Nil for what is about no site.
    package var site: Site.ID?
    package var template: String
    /// What it is about: of two with the same key, the second is not kept.
    package var dedupeKey: String
    package var recipient: EmailAddress
    package var subject: String
    package var text: String
    package var html: String
    package var state = State.waiting
    /// How often it was tried.
    package var tries = 0
    package var failure: String?
    package var createdAt: Date
    package var settledAt: Date?

    package init(
        id: ID,
        site: Site.ID?,
        template: String,
        dedupeKey: String,
        recipient: EmailAddress,
        subject: String,
        text: String,
        html: String,
        createdAt: Date
    ) {
        self.id = id
        self.site = site
        self.template = template
        self.dedupeKey = dedupeKey
        self.recipient = recipient
        self.subject = subject
        self.text = text
        self.html = html
        self.createdAt = createdAt
    }
}

/// A message that a member should have a letter about.
package struct MailableMessage: Sendable {
    package var id: Message.ID
    package var kind: Message.Kind
    package var site: Site.ID
    package var siteName: String
    package var signInURL: String
    package var body: [UInt8]
}

extension Mail.State: PostgresValue {}

extension Transaction {
    private static var columns: StaticString {
        """
        id, site, template, dedupe_key, recipient, subject, body_text, body_html, state, tries, failure, created_at,
        settled_at
        """
    }

    /// Puts a letter beside the change that it tells of. False when there is one with this key already.
    @discardableResult
    package func stage(_ mail: Mail) throws(PostgresError) -> Bool {
        try run(
            """
            INSERT INTO mails (id, site, template, dedupe_key, recipient, subject, body_text, body_html, due_at,
                created_at)
            VALUES (\(mail.id), \(mail.site), \(mail.template), \(mail.dedupeKey), \(mail.recipient), \(mail.subject),
                \(mail.text), \(mail.html), \(mail.createdAt), \(mail.createdAt))
            ON CONFLICT (dedupe_key) DO NOTHING
            """
        ) == 1
    }

    package func mail(_ id: Mail.ID) throws(PostgresError) -> Mail? {
        try rows("SELECT \(raw: Self.columns) FROM mails WHERE id = \(id)").values(Mail.init(row:)).first
    }

    /// What is due, with how often it was tried.
    package func dueMails(at now: Date, limit: Int) throws(PostgresError) -> [(id: Mail.ID, tries: Int)] {
        try rows(
            """
            SELECT id, tries
            FROM mails
            WHERE state = 'waiting'
              AND due_at <= \(now)
            ORDER BY due_at, id
            LIMIT \(limit)
            """
        )
        .decode((Mail.ID, Int).self).map { (id: $0, tries: $1) }
    }

    /// The end of it, one way or another; only for a letter that waits.
    package func settle(
        _ id: Mail.ID,
        as state: Mail.State,
        failure: String? = nil,
        at now: Date
    ) throws(PostgresError) {
        try run(
            """
            UPDATE mails
            SET state = \(state), failure = \(failure), settled_at = \(now), tries = tries + 1
            WHERE id = \(id)
              AND state = 'waiting'
            """
        )
    }

    /// Tries it again then.
    package func postpone(_ id: Mail.ID, to date: Date, because failure: String) throws(PostgresError) {
        try run(
            """
            UPDATE mails
            SET due_at = \(date), failure = \(failure), tries = tries + 1
            WHERE id = \(id)
              AND state = 'waiting'
            """
        )
    }

    /// A site's letters, or those of all and of none; the latest first.
    package func mails(
        of site: Site.ID?,
        state: Mail.State?,
        after: Mail.ID?,
        limit: Int
    ) throws(PostgresError) -> [Mail] {
        try rows(
            """
            SELECT \(raw: Self.columns)
            FROM mails
            WHERE (\(site) IS NULL OR site = \(site))
              AND (\(state) IS NULL OR state = \(state))
              AND (\(after) IS NULL OR id < \(after))
            ORDER BY id DESC
            LIMIT \(limit)
            """
        )
        .values(Mail.init(row:))
    }

    // MARK: Which sites' members get any

    /// Nil: from now on nobody gets letters about this site.
    package func setMemberMails(of site: Site.ID, signInURL: String?) throws(PostgresError) {
        guard let signInURL else {
            try run("DELETE FROM site_mails WHERE site = \(site)")
            return
        }
        try run(
            """
            INSERT INTO site_mails (site, sign_in_url)
            VALUES (\(site), \(signInURL))
            ON CONFLICT (site) DO UPDATE SET sign_in_url = EXCLUDED.sign_in_url
            """
        )
    }

    /// Those of the messages that are of these kinds, and of sites whose members get letters.
    func mailable(_ messages: [UUID], _ kinds: [Message.Kind]) throws(PostgresError) -> [MailableMessage] {
        try rows(
            """
            SELECT m.id, m.type, m.site, s.name, l.sign_in_url, m.body
            FROM outbox m
            JOIN site_mails l ON l.site = m.site
            JOIN sites s ON s.id = m.site
            WHERE EXISTS (SELECT FROM site_mails)
              AND m.id = ANY(\(messages))
              AND m.type = ANY(\(kinds))
              AND m.letters
            ORDER BY m.position
            """
        )
        .values { row throws(PostgresError) in
            MailableMessage(
                id: try row["id"],
                kind: try row["type"],
                site: try row["site"],
                siteName: try row["name"],
                signInURL: try row["sign_in_url"],
                body: try row["body"]
            )
        }
    }
}

extension Mail {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(
            id: try row["id"],
            site: try row["site"],
            template: try row["template"],
            dedupeKey: try row["dedupe_key"],
            recipient: try row["recipient"],
            subject: try row["subject"],
            text: try row["body_text"],
            html: try row["body_html"],
            createdAt: try row["created_at"]
        )
        state = try row["state"]
        tries = try row["tries"]
        failure = try row["failure"]
        settledAt = try row["settled_at"]
    }
}
