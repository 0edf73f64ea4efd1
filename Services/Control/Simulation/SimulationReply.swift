/// What was posted, and what came of it, hop by hop.
struct SimulationReply: Answer {
    var site: String
    var email: String
    var order: String?
    var url: String
    var deliveries: [Delivered] = []
    /// Whether anybody waited for what follows.
    var waited = false
    /// Accepted events that were not applied in time.
    var missing = 0
    /// From the first post until all was applied.
    var appliedAfterMilliseconds: Int?
    var events: [EventEntry] = []
    /// What the buyer has now of the plans that the items open.
    var plans: [PlanAccess] = []

    struct Delivered: Encodable, Sendable {
        var event: String
        var bytes: Int
        var status: Int
        var milliseconds: Int
    }

    var exitStatus: ExitStatus {
        switch deliveries.last?.status {
        case 503: .unavailable
        case 200: missing > 0 ? .unavailable : .ok
        default: .failure
        }
    }

    func show(on page: inout Page) {
        page.hop("thrivecart", (order.map { "order \($0) of " } ?? "a cart of ") + email)
        for delivered in deliveries {
            page.hop(
                "ingress",
                "\(delivered.event), \(delivered.bytes) bytes: \(delivered.status) after \(delivered.milliseconds) ms",
                delivered.status == 200 ? .good : .bad
            )
        }
        if let refusal { page.hop("", refusal, .bad) }
        for event in events {
            page.hop("fulfillment", "\(event.name) \(event.status)" + (event.reason.map { ": \($0)" } ?? ""), event.tone)
        }
        if missing > 0 {
            page.hop("", "\(missing) not applied yet; is fulfillment running? gatehouse queues", .bad)
        } else if let appliedAfterMilliseconds {
            page.hop("", "all applied \(appliedAfterMilliseconds) ms after the first post")
        }
        for plan in plans { page.hop("member", "\(plan.plan): \(plan.sentence)", plan.access ? .good : .warning) }
        if waited && missing == 0 && plans.isEmpty && order != nil { page.hop("member", "nothing of it opens a plan", .warning) }
    }

    /// What the last answer means where it is not a 200.
    private var refusal: String? {
        switch deliveries.last?.status {
        case nil, 200: nil
        case 401:
            "the ingress refuses the secret or the account; it hears of new ones within a minute: gatehouse site show \(site)"
        case 404: "there is no such webhook at \(url)"
        case 429: "the ingress is told to slow down: use a smaller --repeat"
        case 503: "the ingress can't keep it: Redis is away, full, or not durable"
        case let status?: "the ingress answered \(status)"
        }
    }
}

extension Page {
    /// One step of the way, with where it was.
    fileprivate mutating func hop(_ place: String, _ what: String, _ tone: Tone = .plain) {
        line(PlainText.padded(place, to: 13) + what, tone)
    }
}
