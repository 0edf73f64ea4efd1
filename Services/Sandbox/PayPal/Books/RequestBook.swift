internal import Foundation

/// The latest requests and how they were answered; never their bodies.
struct RequestBook: Sendable {
    struct Entry: Sendable {
        var number = 0
        var at: Date
        var call: PayPalCall
        var id: String
        var merchant: String?
        var requestID: String?
        var attribution: String?
        var metadataID: String?
        /// 0 where nothing was answered.
        var status: Int
        var issue: String?
        var isReplay: Bool
        var fault: String?
        /// From its head to its answer.
        var took: Duration
    }

    private(set) var entries: [Entry] = []
    private(set) var counts: [PayPalCall: Int] = [:]
    private var made = 0
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    mutating func enter(_ entry: Entry) {
        made += 1
        counts[entry.call, default: 0] += 1
        entries.append(entry)
        entries[entries.count - 1].number = made
        if entries.count > limit + limit / 4 { entries.removeFirst(entries.count - limit) }
    }
}

extension RequestBook.Entry {
    var json: SandboxJSON {
        .of([
            "number": .whole(number),
            "at": .string(PayPalTime.utc(at)),
            "call": .string(call.rawValue),
            "id": id.isEmpty ? nil : .string(id),
            "merchant_id": merchant.map { .string($0) },
            "request_id": requestID.map { .string($0) },
            "partner_attribution_id": attribution.map { .string($0) },
            "client_metadata_id": metadataID.map { .string($0) },
            "status": .whole(status),
            "issue": issue.map { .string($0) },
            "replay": .bool(isReplay),
            "fault": fault.map { .string($0) },
            "micros": .whole(Int(clamping: Int64((took / .microseconds(1)).rounded()))),
        ])
    }
}
