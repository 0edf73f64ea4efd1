internal import Foundation

/// A webhook registered at PayPal.
package struct WebhookAnswer: Sendable, Hashable {
    package var id: String
    package var url: String
    package var eventTypes: [String]

    init?(_ json: JSON) {
        guard let id = json["id"].string, let url = json["url"].string else { return nil }
        self.id = id
        self.url = url
        eventTypes = json["event_types"].array.compactMap { $0["name"].string }
    }
}

extension PayPalClient {
    // MARK: Managing

    package func webhooks() async -> PayPalReply<[WebhookAnswer]> {
        await send(PayPalCall("webhooks.list", .get, "/v1/notifications/webhooks"))
            .reading { answer in answer.json.map { $0["webhooks"].array.compactMap(WebhookAnswer.init) } }
    }

    /// Errors among the rejections: `WEBHOOK_URL_ALREADY_EXISTS`, `WEBHOOK_NUMBER_LIMIT_EXCEEDED` (10).
    package func createWebhook(url: String, eventTypes: [String]) async -> PayPalReply<WebhookAnswer> {
        let body: JSON = ["url": .string(url), "event_types": Self.names(eventTypes)]
        return await send(PayPalCall("webhooks.create", .post, "/v1/notifications/webhooks", body: body))
            .reading { $0.json.flatMap(WebhookAnswer.init) }
    }

    package func updateWebhook(_ id: String, eventTypes: [String]) async -> PayPalReply<WebhookAnswer> {
        let patch: JSON = [["op": "replace", "path": "/event_types", "value": Self.names(eventTypes)]]
        return await send(
            PayPalCall("webhooks.update", .patch, "/v1/notifications/webhooks" + PayPalCall.path(id), body: patch)
        )
        .reading { $0.json.flatMap(WebhookAnswer.init) }
    }

    /// False where PayPal did not know it.
    package func deleteWebhook(_ id: String) async -> PayPalReply<Bool> {
        let reply = await send(
            PayPalCall("webhooks.delete", .delete, "/v1/notifications/webhooks" + PayPalCall.path(id))
        )
        if case .rejected(let rejection) = reply, rejection.status == 404 { return .answered(false, rejection.trace) }
        return reply.map { _ in true }
    }

    private static func names(_ types: [String]) -> JSON {
        .array(types.map { ["name": .string($0)] })
    }

    // MARK: Events

    /// One page of the events that PayPal sent us, and where the next one is.
    package struct EventPage: Sendable, Hashable {
        package var events: [JSON]
        /// The query of PayPal's own link; nil on the last page.
        package var next: [PayPalCall.Pair]?
    }

    /// The events that PayPal sent us, the newest first, one page.
    ///
    /// - Parameters:
    ///   - since: with seconds and zone, as RFC 3339 has it.
    package func webhookEvents(
        ofType type: String? = nil,
        since: String? = nil,
        until: String? = nil,
        pageSize: Int = 10
    ) async -> PayPalReply<EventPage> {
        var query = [PayPalCall.Pair("page_size", String(pageSize))]
        if let type { query.append(.init("event_type", type)) }
        if let since { query.append(.init("start_time", since)) }
        if let until { query.append(.init("end_time", until)) }
        return await webhookEvents(query)
    }

    /// The page that a page before it named.
    package func webhookEvents(_ query: [PayPalCall.Pair]) async -> PayPalReply<EventPage> {
        await send(PayPalCall("events.list", .get, "/v1/notifications/webhooks-events", query: query))
            .reading { answer in
                guard let json = answer.json, case .array(let events) = json["events"] else { return nil }
                let next = json["links"].array.first { $0["rel"].string == "next" }?["href"].string
                return EventPage(events: events, next: next.flatMap(Self.query(of:)))
            }
    }

    /// Of the link only what is asked is taken, never where.
    private static func query(of link: String) -> [PayPalCall.Pair]? {
        guard let items = URLComponents(string: link)?.queryItems, !items.isEmpty else { return nil }
        return items.compactMap { item in item.value.map { PayPalCall.Pair(item.name, $0) } }
    }

    package func webhookEvent(_ id: String) async -> PayPalReply<JSON> {
        await send(PayPalCall("events.get", .get, "/v1/notifications/webhooks-events" + PayPalCall.path(id)))
            .reading(\.json)
    }

    /// Lets PayPal send an event once more.
    package func resendWebhookEvent(_ id: String) async -> PayPalReply<Bool> {
        await send(
            PayPalCall(
                "events.resend",
                .post,
                "/v1/notifications/webhooks-events" + PayPalCall.path(id, "resend"),
                body: .object([])
            )
        )
        .map { _ in true }
    }

    /// Lets PayPal send an invented event to `url`. Its webhook id is `WEBHOOK_ID`, so its signature never verifies here.
    package func simulateEvent(_ type: String, url: String) async -> PayPalReply<JSON> {
        let body: JSON = ["event_type": .string(type), "url": .string(url)]
        return await send(PayPalCall("events.simulate", .post, "/v1/notifications/simulate-event", body: body))
            .map { $0.json ?? .null }
    }
}
