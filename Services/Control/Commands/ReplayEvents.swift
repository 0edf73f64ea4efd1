import ArgumentParser
import Domain
import Foundation
import FulfillmentJobs
import Jobs
import Postgres
import Store

struct ReplayEvents: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Have stored events applied again.",
        discussion: """
            Harmless: what an event did already is not done twice. Name the events, or choose them by what came of them. \
            Exit status 3 when there are none, 69 when fulfillment did not apply them in time, 1 when some failed again.

            EXAMPLE
              gatehouse events replay 0198f0a2-7c4e-7b1d-9d5e-3f2a1b0c4d5e
              gatehouse events replay --status flagged --since 7d
            """
    )

    static let needs: Set<Need> = [.database, .redis]

    @Argument(help: "The events' ids.", transform: Reading.id)
    var ids: [InboundEvent.ID] = []

    @OptionGroup var site: SiteOption

    @Option(name: .long, help: "All of this status.")
    var status: InboundEvent.Status?

    @Option(
        name: .long,
        help: ArgumentHelp("Only those after this moment or age.", valueName: "time"),
        transform: Reading.moment
    )
    var since: Date?

    @Option(
        name: .long,
        help: ArgumentHelp("How long to wait until they are applied (default: 10s).", valueName: "time"),
        transform: Reading.span
    )
    var wait: Duration = .seconds(10)

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard ids.isEmpty != (status == nil) else {
            throw ValidationError("Name the events, or say --status with flagged, failed, ignored or applied.")
        }
    }

    struct Reply: Answer {
        var replayed: [EventEntry]
        /// Ids that no event of the site has.
        var missing: [String]
        /// Enqueued, and not applied while we waited.
        var waiting: Int
        /// Those that could not be applied this time either.
        var failed = 0

        var exitStatus: ExitStatus {
            if replayed.isEmpty { return .no }
            if failed > 0 { return .failure }
            return waiting > 0 ? .unavailable : .ok
        }

        func show(on page: inout Page) {
            for id in missing { page.line("no such event  \(id)", .warning) }
            if replayed.isEmpty { return page.line("No events to replay.") }
            var table = Table("id", "event", "status", "why")
            for event in replayed {
                table.row(
                    Table.Cell(event.id),
                    Table.Cell(event.name),
                    Table.Cell(event.status, event.tone),
                    Table.Cell(event.reason)
                )
            }
            page.table(table, otherwise: "")
            if waiting > 0 { page.line("\(waiting) enqueued and not applied yet; is fulfillment running?", .warning) }
            if failed > 0 {
                page.line("\(failed) failed again; what is wrong: gatehouse dead list --kind fulfillment.apply", .bad)
            }
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let (store, queues) = (try desk.store, try desk.queues)
        let site = try await store.read { try $0.site(self.site) }
        var reply = Reply(replayed: [], missing: [], waiting: 0)
        var replaying: [InboundEvent.ID: Date] = [:]
        let progress = ProgressLine("enqueuing")
        var last: InboundEvent.ID?
        repeat {
            let after = last
            let page = try await store.read { try self.page(of: site.id, after: after, in: $0) }
            for (event, body) in page {
                try await queues.enqueue(ApplyInboundEvent(again: event, body: body, of: site.id))
                replaying[event.id] = event.appliedAt
                progress.show(replaying.count, of: max(replaying.count, ids.count))
            }
            last = ids.isEmpty ? page.last?.event.id : nil
        } while last != nil
        progress.finish()
        reply.missing = ids.filter { replaying[$0] == nil }.map(\.description)
        try await watch(replaying, of: site.id, in: store, into: &reply)
        return reply
    }

    /// The next events with their bodies.
    private func page(
        of site: Site.ID,
        after last: InboundEvent.ID?,
        in transaction: Transaction
    ) throws -> [(event: FoundInboundEvent, body: [UInt8])] {
        var search = InboundEventSearch(site: site)
        search.status = status
        search.since = since
        search.after = last
        search.limit = 100
        let events =
            ids.isEmpty
            ? try transaction.search(search) : try ids.compactMap { try transaction.foundInboundEvent($0, of: site) }
        return try events.compactMap { event in try transaction.inboundEventBody(event.id).map { (event, $0) } }
    }

    /// Until all have been applied later than they were before, or the time is over.
    private func watch(
        _ replaying: [InboundEvent.ID: Date],
        of site: Site.ID,
        in store: Store,
        into reply: inout Reply
    ) async throws {
        let end = ContinuousClock.now + wait
        while true {
            let events = try await store.read { transaction in
                try replaying.keys.sorted().compactMap { try transaction.foundInboundEvent($0, of: site) }
            }
            let waiting = events.count { event in replaying[event.id].map { event.appliedAt <= $0 } ?? false }
            reply.replayed = events.map { EventEntry($0) }
            reply.waiting = waiting
            reply.failed = events.count { event in
                event.status == .failed && replaying[event.id].map { event.appliedAt > $0 } ?? false
            }
            if waiting == 0 || ContinuousClock.now >= end { return }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}

extension ApplyInboundEvent {
    /// The same delivery, by the road of a replay.
    fileprivate init(again event: FoundInboundEvent, body: [UInt8], of site: Site.ID) {
        self.init(
            site: site,
            provider: event.provider,
            deliveryKey: event.deliveryKey,
            receivedAt: event.receivedAt,
            source: .replay,
            body: body
        )
    }
}
