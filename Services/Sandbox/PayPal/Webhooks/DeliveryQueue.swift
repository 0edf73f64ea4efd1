internal import Foundation

/// One event on its way to one address.
struct PayPalDelivery: Sendable {
    enum State: String, Sendable {
        case waiting, sending, delivered, failed, lost
    }

    var number = 0
    var event: String
    /// Its id, over which the signature goes.
    var webhook: String
    var url: String
    /// Where the certificate is served.
    var base: String
    var due: Date
    var state = State.waiting
    var tries: [Try] = []

    struct Try: Sendable {
        var at: Date
        /// Nil where no answer came.
        var status: Int?
    }

    /// Twenty-five tries in three days: soon, and then every four hours.
    ///
    /// Source: PayPal, "Webhooks"; the waits between are not published.
    static let waits: [TimeInterval] =
        [60, 120, 240, 480, 900, 1800, 3600] + Array(repeating: (72 * 3600 - 7200) / 17, count: 17)
}

/// What is to be sent, by when it is due.
struct DeliveryQueue: Sendable {
    private(set) var all: [Int: PayPalDelivery] = [:]
    private var waiting: [(due: Date, number: Int)] = []
    private var finished: [Int] = []
    private var made = 0
    private static let kept = 5_000

    mutating func add(_ delivery: PayPalDelivery) {
        var delivery = delivery
        made += 1
        delivery.number = made
        all[made] = delivery
        if delivery.state == .waiting { wait(made, until: delivery.due) } else { forget(made) }
    }

    private mutating func wait(_ number: Int, until due: Date) {
        // Because most are due at once, the place is looked for from the end.
        let index = waiting.lastIndex { $0.due <= due }.map { $0 + 1 } ?? 0
        waiting.insert((due, number), at: index)
    }

    /// What is to be sent now, at most so many.
    mutating func take(at now: Date, limit: Int) -> [PayPalDelivery] {
        let count = min(limit, waiting.prefix { $0.due <= now }.count)
        let numbers = waiting.prefix(count).map(\.number)
        waiting.removeFirst(count)
        return numbers.compactMap { number in
            all[number]?.state = .sending
            return all[number]
        }
    }

    mutating func settle(_ number: Int, status: Int?, at now: Date) {
        guard var delivery = all[number] else { return }
        delivery.tries.append(.init(at: now, status: status))
        if let status, (200..<300).contains(status) {
            delivery.state = .delivered
        } else if delivery.tries.count > PayPalDelivery.waits.count {
            delivery.state = .failed
        } else {
            delivery.state = .waiting
            delivery.due = now.addingTimeInterval(PayPalDelivery.waits[delivery.tries.count - 1])
        }
        all[number] = delivery
        if delivery.state == .waiting { wait(number, until: delivery.due) } else { forget(number) }
    }

    /// Keeps those that are over for a while, to be looked at.
    private mutating func forget(_ number: Int) {
        finished.append(number)
        guard finished.count > Self.kept * 2 else { return }
        for old in finished.prefix(Self.kept) { all[old] = nil }
        finished.removeFirst(Self.kept)
    }

    var next: Date? { waiting.first?.due }
    var isEmpty: Bool { waiting.isEmpty }

    /// Nothing is under way, and nothing due until then.
    func isIdle(at now: Date) -> Bool {
        (next.map { $0 > now } ?? true) && !all.values.contains { $0.state == .sending }
    }
}

extension Books {
    /// Hands an event over for each webhook that wants its type, or for some of them.
    mutating func deliver(_ event: PayPalEvent, only: [String]? = nil) {
        for webhook in webhooks where webhook.types.contains("*") || webhook.types.contains(event.type) {
            if let only, !only.contains(webhook.id) { continue }
            var delivery = PayPalDelivery(
                event: event.id,
                webhook: webhook.id,
                url: webhook.url,
                base: webhook.base,
                due: now
            )
            var copies = 1
            if let fault = faults.draw(forWebhook: event) {
                switch fault.fault {
                case .lose: delivery.state = .lost
                case .duplicate: copies += min(max(1, fault.copies ?? 1), 20)
                case .delay: delivery.due = now.addingTimeInterval(fault.wait(or: 60))
                case .reorder: delivery.due = now.addingTimeInterval(fault.wait(or: 2))
                default: break
                }
            }
            for _ in 0..<copies { deliveries.add(delivery) }
        }
    }
}
