package import Domain
package import Foundation
package import Jobs
import Logging
import Outbound
import Postgres
package import Store

/// Goes one round through what is due at one endpoint: posts each message's bytes, keeps what came of it, plans what
/// follows.
///
/// Safe to run twice: the receiver knows a message by its id, and of one turn of a delivery one attempt is kept.
package struct DeliverMessages: Job {
    // What is asked.

    package var endpoint: Endpoint.ID
    /// Where it is only for what was due when it was asked for.
    var made: Sightings.Mark?

    package init(to endpoint: Endpoint.ID) { self.endpoint = endpoint }

    /// The same for the same plan, so that enqueueing it again is harmless.
    package static func id(of planned: PlannedDelivery) -> JobID { "\(planned.id)/\(planned.turn)" }

    // How it is run.

    package static let kind: JobKind = "notifications.deliver"
    package static let queue: QueueName = "notifications"
    /// The first was about one delivery and named its endpoint, too.
    package static let payloadVersion = 2
    /// One round at a time at one endpoint: that keeps the order, and hundreds that hang can't take all places. What fails
    /// out there is planned in Postgres, so the attempts here are only for troubles of our own. The lease is short: a worker
    /// that was killed leaves its endpoints waiting until it ends.
    package static let policy = JobPolicy(
        attempts: 10,
        backoff: .exponential(from: .seconds(5)),
        lease: .seconds(10),
        timeout: .seconds(75),
        holdsGroup: false
    )
    package var group: String? { endpoint.description }

    /// How many rounds go at once, so that no more than so many attempts are under way.
    package static func rounds(of attempts: Int) -> Int { max(1, attempts / Round.width) }

    // What is done.

    package func run(_ deps: NotificationDependencies, _ context: JobContext) async throws -> JobOutcome {
        // The round before this one has sent it.
        if let made, Sightings.ours.hasSeen(made, at: endpoint) { return .done }
        do {
            switch try await Round(at: endpoint, deps, now: context.now).run() {
            case .over: return .done
            case .goesOn:
                // As a job of its own, behind those of others.
                try await deps.jobs.enqueueRounds([(DeliverMessages(to: endpoint), JobID(), .now)])
                return .done
            case .noSecret(let error):
                context.logger.error(
                    "the endpoint's secret can't be opened, so nothing is sent to it",
                    metadata: ["endpoint": "\(endpoint)", "error": "\(error)"]
                )
                return .snoozed(.seconds(60))
            }
        } catch let error as PostgresError where error.isTransient {
            // Our own outage is no failure of the endpoint.
            return .snoozed(.seconds(5))
        }
    }
}

// MARK: The payload

extension DeliverMessages {
    /// The JSON that the coder would write; by hand, because hundreds a second are written and read.
    package func payload() -> [UInt8] {
        guard let made else { return Array(#"{"endpoint":"\#(endpoint)"}"#.utf8) }
        return Array(
            #"{"endpoint":"\#(endpoint)","made":{"count":\#(made.count),"process":"\#(made.process)"}}"#.utf8
        )
    }

    package init(payload: [UInt8], version: Int) throws {
        if let read = Self(plain: payload) {
            self = read
        } else {
            self = try JSONDecoder().decode(Self.self, from: Data(payload))
        }
    }

    /// What `payload` writes; nil for JSON that says the same in other ways.
    private init?(plain payload: [UInt8]) {
        let parts = String(decoding: payload, as: UTF8.self).split(separator: "\"", omittingEmptySubsequences: false)
        guard parts.count == 5 || parts.count == 13, parts[0] == "{", parts[1] == "endpoint", parts[2] == ":",
            let endpoint = Endpoint.ID(String(parts[3]))
        else { return nil }
        self.endpoint = endpoint
        if parts.count == 5 {
            guard parts[4] == "}" else { return nil }
            return
        }
        guard parts[4] == ",", parts[5] == "made", parts[6] == ":{", parts[7] == "count", parts[8].first == ":",
            parts[8].last == ",", let count = UInt64(parts[8].dropFirst().dropLast()), parts[9] == "process",
            parts[10] == ":", parts[12] == "}}"
        else { return nil }
        made = Sightings.Mark(process: String(parts[11]), count: count)
    }
}
