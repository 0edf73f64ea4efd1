package import Domain
package import Foundation
package import Postgres

/// One try as its job asks for it.
package struct DeliveryClaim: Sendable, Hashable {
    package var delivery: Delivery.ID
    package var turn: Int

    package init(delivery: Delivery.ID, turn: Int) {
        self.delivery = delivery
        self.turn = turn
    }
}

/// What a claim brings.
package enum ClaimAnswer: Sendable {
    /// It is ours to send.
    case send(OutgoingDelivery)
    /// An earlier message about the same subject was not tried yet, or an attempt is under way. Since when it is due.
    case wait(since: Date)
    /// Nothing to do; why.
    case over(String)
}

/// All that one attempt needs.
package struct OutgoingDelivery: Sendable, Hashable {
    package var delivery: Delivery.ID
    package var turn: Int
    package var endpoint: Endpoint.ID
    package var url: String
    package var message: Message.ID
    package var type: String
    /// As it was staged; sent as it is.
    package var body: [UInt8]
    /// The try's number in the present schedule, from 1.
    package var step: Int
    package var isForMerchant: Bool
    /// The newest first; a merchant's is its own.
    package var secrets: [EndpointSecret]
    /// Nil for what goes to a site.
    package var forward: OutgoingForward?

    package init(
        delivery: Delivery.ID,
        turn: Int,
        endpoint: Endpoint.ID,
        url: String,
        message: Message.ID,
        type: String,
        body: [UInt8],
        step: Int,
        isForMerchant: Bool = false,
        secrets: [EndpointSecret] = []
    ) {
        self.delivery = delivery
        self.turn = turn
        self.endpoint = endpoint
        self.url = url
        self.message = message
        self.type = type
        self.body = body
        self.step = step
        self.isForMerchant = isForMerchant
        self.secrets = secrets
    }
}

extension Transaction {
    /// Takes deliveries for sending, all of a batch. The answers are in the claims' order.
    package func claim(_ claims: [DeliveryClaim], at now: Date) throws(PostgresError) -> [ClaimAnswer] {
        // Because a claim that is lost with the machine is only made again.
        try run("SET LOCAL synchronous_commit = off")
        var found: [Delivery.ID: ClaimedRow] = [:]
        for row in try rows(
            """
            SELECT d.id, d.turn, d.state, d.step, d.due_at, d.sending_turn, d.sending_since, d.endpoint, d.message,
                CASE WHEN e.merchant IS NULL THEN e.url ELSE r.webhooks_url END AS url, e.merchant, m.type, m.body,
                d.attempts = 0 AND EXISTS (
                    SELECT FROM deliveries x
                    WHERE x.endpoint = d.endpoint
                      AND x.subject = d.subject
                      AND x.position < d.position
                      AND x.state = 'pending'
                      AND x.attempts = 0
                ) AS waits
            FROM deliveries d
            JOIN endpoints e ON e.id = d.endpoint
            JOIN outbox m ON m.id = d.message
            LEFT JOIN merchants r ON r.id = e.merchant
            WHERE d.id = ANY(\(claims.map(\.delivery)))
            ORDER BY d.id
            FOR NO KEY UPDATE OF d
            """
        ) {
            let claimed = try ClaimedRow(row: row)
            found[claimed.outgoing.delivery] = claimed
        }
        try cancelUnwanted(found.values.filter(\.isUnwanted).map(\.outgoing.delivery), at: now)
        let answers = claims.map { found[$0.delivery]?.answer(to: $0, at: now) ?? .over("there is no such delivery") }
        return try equip(answers, at: now)
    }

    /// What waits for a merchant that has taken its address away.
    private func cancelUnwanted(_ unwanted: [Delivery.ID], at now: Date) throws(PostgresError) {
        guard !unwanted.isEmpty else { return }
        try run(
            """
            UPDATE deliveries
            SET state = 'canceled', settled_at = \(now), turn = turn + 1
            WHERE id = ANY(\(unwanted))
              AND state = 'pending'
            """
        )
    }

    /// Marks what is to be sent, and adds the secrets.
    private func equip(_ answers: [ClaimAnswer], at now: Date) throws(PostgresError) -> [ClaimAnswer] {
        let sending = answers.compactMap { if case .send(let outgoing) = $0 { outgoing } else { nil } }
        guard !sending.isEmpty else { return answers }
        try run(
            """
            UPDATE deliveries
            SET sending_turn = turn, sending_since = \(now)
            WHERE id = ANY(\(sending.map(\.delivery)))
            """
        )
        let secrets = Dictionary(
            grouping: try secrets(of: Array(Set(sending.map(\.endpoint))), at: now),
            by: \.endpoint
        )
        let forwards =
            try sending.contains(where: \.isForMerchant)
            ? outgoingForwards(sending.filter(\.isForMerchant).map(\.message)) : [:]
        return answers.map { answer in
            guard case .send(var outgoing) = answer else { return answer }
            outgoing.secrets = secrets[outgoing.endpoint] ?? []
            outgoing.forward = forwards[outgoing.message]
            return .send(outgoing)
        }
    }
}

private struct ClaimedRow {
    var outgoing: OutgoingDelivery
    var state: Delivery.State
    var dueAt: Date
    var sendingTurn: Int?
    var sendingSince: Date?
    var waits: Bool
    /// A merchant's, and it wants no forwards any more.
    var isUnwanted: Bool

    init(row: Row) throws(PostgresError) {
        let url: String? = try row["url"]
        isUnwanted = url == nil
        outgoing = OutgoingDelivery(
            delivery: try row["id"],
            turn: try row["turn"],
            endpoint: try row["endpoint"],
            url: url ?? "",
            message: try row["message"],
            type: try row["type"],
            body: try row["body"],
            step: try row["step", as: Int.self] + 1,
            isForMerchant: try row["merchant", as: Merchant.ID?.self] != nil
        )
        state = try row["state"]
        dueAt = try row["due_at"]
        sendingTurn = try row["sending_turn"]
        sendingSince = try row["sending_since"]
        waits = try row["waits"]
    }

    /// How long an attempt may be under way before another takes over: the time-out and some.
    private static let sendingLimit: TimeInterval = 60

    func answer(to claim: DeliveryClaim, at now: Date) -> ClaimAnswer {
        guard state == .pending else { return .over("the delivery is \(state.rawValue)") }
        guard !isUnwanted else { return .over("the merchant wants no forwards") }
        guard claim.turn == outgoing.turn else { return .over("another try has taken its place") }
        // The queue gives one turn to one worker, so an earlier claim of this turn is of a worker that died.
        if let sendingTurn, let sendingSince, sendingTurn != claim.turn,
            now.timeIntervalSince(sendingSince) < Self.sendingLimit
        {
            return .wait(since: sendingSince)
        }
        return waits ? .wait(since: dueAt) : .send(outgoing)
    }
}
