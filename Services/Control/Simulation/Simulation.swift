import AsyncHTTPClient
import Domain
import Foundation
import NIOCore
import NIOHTTP1
import Postgres
import Store
import ThriveCart

/// Delivers posts as ThriveCart would and watches them through the processes.
struct Simulation: Sendable {
    let site: Site
    let email: EmailAddress
    let order: String?
    /// What the posts are about; their plans are shown at the end.
    let items: [ItemKey]
    let delivery: DeliveryOptions

    /// - Parameter twins: the names under which the Event Subscription API tells of the same, besides the usual one.
    func run(_ posts: [ThriveCartPost], twins: [String] = [], at desk: Desk) async throws -> SimulationReply {
        var reply = SimulationReply(
            site: site.slug.text,
            email: email.original,
            order: order,
            url: delivery.address(of: site.slug.text, at: desk.ingress)
        )
        let bodies = bodies(of: posts, twins: twins)
        let began = ContinuousClock.now
        for body in delivery.shuffle ? bodies.shuffled() : bodies {
            let delivered = try await post(body, to: reply.url)
            reply.deliveries.append(delivered)
            guard delivered.status == 200 else { return reply }
        }
        guard delivery.wait > .zero else { return reply }
        try await watch(for: Set(bodies.map(\.key)), began, into: &reply, at: desk)
        return reply
    }

    // MARK: Posting

    private struct Body: Sendable {
        var event: String
        var bytes: [UInt8]
        var contentType: String
        /// By which its trace in the store is known.
        var key: String
    }

    private func bodies(of posts: [ThriveCartPost], twins: [String]) -> [Body] {
        let told =
            delivery.twins
            ? posts.flatMap { post in
                [post, post.subscribed(webhook: SimulatedNumber.webhook())]
                    + twins.map { post.subscribed(webhook: SimulatedNumber.webhook(), name: $0) }
            } : posts
        let bodies = told.compactMap { post -> Body? in
            // An Event Subscription always posts JSON.
            let isJSON = delivery.encoding == .json || !posts.contains(post)
            let bytes = isJSON ? post.jsonBody : post.formBody
            // Because what we write ourselves parses, or a test of ThriveCart's fails.
            guard let payload = try? ThriveCartBody.parse(bytes) else { return nil }
            return Body(
                event: post.event,
                bytes: bytes,
                contentType: isJSON ? ThriveCartPost.jsonContentType : ThriveCartPost.formContentType,
                key: payload.deliveryKey
            )
        }
        return (0..<delivery.times).flatMap { _ in bodies }
    }

    private func post(_ body: Body, to url: String) async throws -> SimulationReply.Delivered {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers = ["content-type": body.contentType, "user-agent": "gatehouse-simulate"]
        request.body = .bytes(ByteBuffer(bytes: body.bytes))
        let began = ContinuousClock.now
        let status: UInt
        do {
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
            // Because only the status counts; the rest is read so that the connection can be used again.
            _ = try? await response.body.collect(upTo: 1 << 16)
            status = response.status.code
        } catch {
            throw CommandProblem.unavailable(
                "the ingress does not answer at \(url)",
                fix: "start it (ingress), or name where it is: --url http://127.0.0.1:8080"
            )
        }
        let took = (ContinuousClock.now - began).inSeconds
        return SimulationReply.Delivered(
            event: body.event,
            bytes: body.bytes.count,
            status: Int(status),
            milliseconds: Int((took * 1000).rounded())
        )
    }

    // MARK: Watching

    /// Until the store knows each event, or the time is over.
    private func watch(
        for keys: Set<String>,
        _ began: ContinuousClock.Instant,
        into reply: inout SimulationReply,
        at desk: Desk
    ) async throws {
        let store = try desk.store
        var search = InboundEventSearch(site: site.id)
        search.deliveryKeys = keys.sorted()
        search.limit = keys.count
        let wanted = search
        let end = ContinuousClock.now + delivery.wait
        var found: [FoundInboundEvent] = []
        while true {
            found = try await store.read { try $0.search(wanted) }
            if found.count >= keys.count || ContinuousClock.now >= end { break }
            try await Task.sleep(for: .milliseconds(25))
        }
        reply.waited = true
        reply.missing = max(0, keys.count - found.count)
        reply.appliedAfterMilliseconds = Int(((ContinuousClock.now - began).inSeconds * 1000).rounded())
        reply.events = found.reversed().map { EventEntry($0) }
        reply.plans = try await plans(in: store)
    }

    /// What the person has now of the plans that the items open.
    private func plans(in store: Store) async throws -> [PlanAccess] {
        let now = Date.now
        return try await store.read { transaction in
            guard let member = try transaction.member(email: email, of: site.id) else { return [] }
            let opened = Set(try transaction.plans(openedBy: Set(items), of: site.id).map(\.id))
            let sources = try transaction.accessSources(of: [member.id]).filter { opened.contains($0.plan) }
            return PlanAccess.all(of: sources, at: now)
        }
    }
}
