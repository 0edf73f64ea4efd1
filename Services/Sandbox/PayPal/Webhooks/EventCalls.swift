internal import Foundation

extension Books {
    // MARK: GET /v1/notifications/webhooks-events

    /// The latest first, ten at a time where nobody asks for more.
    func listEvents(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        let from = ask.query["start_time"].flatMap { PayPalTime.read($0) }
        let until = ask.query["end_time"].flatMap { PayPalTime.read($0) }
        let size = min(max(1, ask.query["page_size"].flatMap { Int($0) } ?? 10), 300)
        let fits = events.newestFirst.filter { event in
            !event.isSimulated && !settings.forgetsEvents
                && (ask.query["event_type"] == nil || ask.query["event_type"] == event.type)
                && (from == nil || event.createdAt >= from ?? .distantPast)
                && (until == nil || event.createdAt <= until ?? .distantFuture)
                && (ask.query["transaction_id"].map {
                    String(decoding: event.body, as: UTF8.self).contains("\"\($0)\"")
                } ?? true)
        }
        let start = ask.query["start"].flatMap { Int($0) } ?? 0
        let shown = fits.dropFirst(min(max(0, start), fits.count)).prefix(size)
        let asked = ask.query.filter { $0.key != "start" && $0.key != "page_size" }.sorted { $0.key < $1.key }
            .map { "\($0.key)=\(PayPalForm.encoded($0.value))&" }.joined()
        let own = "\(ask.base)/v1/notifications/webhooks-events?\(asked)page_size=\(size)&start="
        var links = [link(own + String(start), "self", "GET")]
        if start + size < fits.count { links.append(link(own + String(start + size), "next", "GET")) }
        return PayPalReply(
            200,
            .of([
                "events": .array(shown.map(\.json)),
                "count": .whole(shown.count),
                "links": .array(links),
            ])
        )
    }

    // MARK: GET /v1/notifications/webhooks-events/{id}

    func showEvent(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        guard let event = events[ask.id] else { throw .unknownEvent }
        return PayPalReply(200, event.json)
    }

    // MARK: POST /v1/notifications/webhooks-events/{id}/resend

    mutating func resendEvent(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        guard let event = events[ask.id] else { throw .unknownEvent }
        let wanted = try ask.json()["webhook_ids"]?.values.compactMap(\.text)
        deliver(event, only: wanted)
        return PayPalReply(202, event.json)
    }

    // MARK: POST /v1/notifications/simulate-event

    /// A made-up event of a type, to one webhook or to an address; its resource is the latest real one's where there is one.
    mutating func simulateEvent(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        let json = try ask.json()
        guard let type = json["event_type"]?.text, Self.eventTypes.contains(type) else {
            throw .invalid("INVALID_PARAMETER_VALUE", field: "/event_type")
        }
        let id = numbers.event()
        let own = "\(ask.base)/v1/notifications/webhooks-events/\(id)"
        let model = events.newestFirst.first { $0.type == type }?.json
        let made = SandboxJSON.of([
            "id": .string(id),
            "event_version": "1.0",
            "create_time": .string(PayPalTime.milliseconds(now)),
            "resource_type": model?["resource_type"] ?? .string(type.split(separator: ".")[0].lowercased()),
            "resource_version": model?["resource_version"],
            "event_type": .string(type),
            "summary": "A simulated event",
            "resource": model?["resource"] ?? .of(["id": .string(numbers.long())]),
            "links": .array([link(own, "self", "GET"), link(own + "/resend", "resend", "POST")]),
        ])
        var event = PayPalEvent(id: id, type: type, merchant: nil, createdAt: now, body: made.bytes)
        event.isSimulated = true
        events.add(event, id: id)
        if let webhook = json["webhook_id"]?.text {
            deliver(event, only: [webhook])
        } else if let url = json["url"]?.text {
            // The simulator signs for nobody's webhook in particular.
            deliveries.add(.init(event: id, webhook: "WEBHOOK_ID", url: url, base: ask.base, due: now))
        }
        return PayPalReply(202, made)
    }
}

extension PayPalEvent {
    var json: SandboxJSON {
        (try? JSONReader.read(body)) ?? .null  // Because we wrote it.
    }
}

extension PayPalProblem {
    static let unknownEvent = PayPalProblem(
        status: 404,
        name: "INVALID_RESOURCE_ID",
        message: "Resource id is invalid",
        shape: .bare
    )
}
