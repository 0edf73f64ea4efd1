internal import Foundation

/// An address that the application wants to be told at.
struct PayPalWebhook: Sendable {
    var id: String
    var url: String
    /// `*` stands for all.
    var types: [String]
    /// Where its maker reached us; certificates are served there.
    var base: String
}

extension Books {
    static let eventTypes = [
        "CHECKOUT.ORDER.APPROVED", "CHECKOUT.ORDER.COMPLETED", "CHECKOUT.ORDER.PROCESSED",
        "CHECKOUT.PAYMENT-APPROVAL.REVERSED", "CUSTOMER.DISPUTE.CREATED", "CUSTOMER.DISPUTE.RESOLVED",
        "CUSTOMER.DISPUTE.UPDATED", "CUSTOMER.MERCHANT-INTEGRATION.CAPABILITY-UPDATED",
        "CUSTOMER.MERCHANT-INTEGRATION.PRODUCT-SUBSCRIPTION-UPDATED",
        "CUSTOMER.MERCHANT-INTEGRATION.SELLER-ALREADY-INTEGRATED",
        "CUSTOMER.MERCHANT-INTEGRATION.SELLER-CONSENT-GRANTED",
        "CUSTOMER.MERCHANT-INTEGRATION.SELLER-EMAIL-CONFIRMED",
        "IDENTITY.AUTHORIZATION-CONSENT.REVOKED", "MERCHANT.ONBOARDING.COMPLETED", "MERCHANT.PARTNER-CONSENT.REVOKED",
        "PAYMENT.AUTHORIZATION.CREATED", "PAYMENT.AUTHORIZATION.VOIDED", "PAYMENT.CAPTURE.COMPLETED",
        "PAYMENT.CAPTURE.DECLINED", "PAYMENT.CAPTURE.DENIED", "PAYMENT.CAPTURE.PENDING", "PAYMENT.CAPTURE.REFUNDED",
        "PAYMENT.CAPTURE.REVERSED", "PAYMENT.REFUND.FAILED", "PAYMENT.REFUND.PENDING", "PAYMENT.SALE.COMPLETED",
        "VAULT.PAYMENT-TOKEN.CREATED", "VAULT.PAYMENT-TOKEN.DELETED", "VAULT.PAYMENT-TOKEN.DELETION-INITIATED",
    ]

    // MARK: POST /v1/notifications/webhooks

    /// At most ten addresses, each once.
    mutating func createWebhook(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        let json = try ask.json()
        guard let url = json["url"]?.text, mayBeTold(url) else {
            throw webhookProblem("VALIDATION_ERROR", "Invalid data provided", field: "url", "Not a valid webhook URL")
        }
        let types = json["event_types", default: []].values.compactMap { $0["name"]?.text }
        try check(types)
        guard !webhooks.contains(where: { $0.url == url }) else {
            throw webhookProblem("WEBHOOK_URL_ALREADY_EXISTS", "Webhook URL already exists")
        }
        guard webhooks.count < 10 else {
            throw webhookProblem(
                "WEBHOOK_NUMBER_LIMIT_EXCEEDED",
                "You have reached the maximum number of webhooks allowed."
            )
        }
        let webhook = PayPalWebhook(id: numbers.long(), url: url, types: types, base: ask.base)
        webhooks.append(webhook)
        return PayPalReply(201, webhookJSON(webhook, ask.base))
    }

    private func check(_ types: [String]) throws(PayPalProblem) {
        let unknown = types.enumerated().first { $0.element != "*" && !Self.eventTypes.contains($0.element) }
        guard !types.isEmpty, unknown == nil else {
            throw webhookProblem(
                "VALIDATION_ERROR",
                "Invalid data provided",
                field: "event_types.\(unknown?.offset ?? 0).name",
                "Not a valid event type"
            )
        }
    }

    /// Real ones are https at a public name; ours may be at this machine, unless the settings demand otherwise.
    private func mayBeTold(_ text: String) -> Bool {
        guard let url = URL(string: text), let host = url.host, !host.isEmpty, text.utf8.count <= 2048 else {
            return false
        }
        if settings.demandsPublicWebhooks {
            return url.scheme == "https" && host != "localhost" && host.contains(".")
                && !host.allSatisfy { $0.isNumber || $0 == "." }
        }
        return url.scheme == "https" || url.scheme == "http"
    }

    private func webhookProblem(_ name: String, _ message: String, field: String? = nil, _ issue: String = "")
        -> PayPalProblem
    {
        PayPalProblem(
            status: 400,
            name: name,
            message: message,
            shape: .bare,
            details: field.map { [.of(["field": .string($0), "issue": .string(issue)])] } ?? []
        )
    }

    // MARK: GET, PATCH and DELETE of webhooks

    func listWebhooks(_ ask: PayPalAsk) -> PayPalReply {
        PayPalReply(200, .of(["webhooks": .array(webhooks.map { webhookJSON($0, ask.base) })]))
    }

    func showWebhook(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        PayPalReply(200, webhookJSON(webhooks[try indexOfWebhook(ask.id)], ask.base))
    }

    func showWebhookEventTypes(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        let types = webhooks[try indexOfWebhook(ask.id)].types
        return PayPalReply(200, .of(["event_types": .array(types.map(typeJSON))]))
    }

    func showEventTypes() -> PayPalReply {
        PayPalReply(200, .of(["event_types": .array(Self.eventTypes.map(typeJSON))]))
    }

    mutating func patchWebhook(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        let index = try indexOfWebhook(ask.id)
        var webhook = webhooks[index]
        for change in try ask.json().values {
            switch change["path"]?.text {
            case "/url":
                guard let url = change["value"]?.text, mayBeTold(url) else {
                    throw webhookProblem(
                        "VALIDATION_ERROR",
                        "Invalid data provided",
                        field: "url",
                        "Not a valid webhook URL"
                    )
                }
                webhook.url = url
            case "/event_types":
                webhook.types = change["value", default: []].values.compactMap { $0["name"]?.text }
                try check(webhook.types)
            default: throw webhookProblem("VALIDATION_ERROR", "Invalid data provided", field: "path", "Not patchable")
            }
        }
        webhooks[index] = webhook
        return PayPalReply(200, webhookJSON(webhook, ask.base))
    }

    mutating func deleteWebhook(_ ask: PayPalAsk) throws(PayPalProblem) -> PayPalReply {
        webhooks.remove(at: try indexOfWebhook(ask.id))
        return PayPalReply(204)
    }

    private func indexOfWebhook(_ id: String) throws(PayPalProblem) -> Int {
        guard let index = webhooks.firstIndex(where: { $0.id == id }) else {
            throw PayPalProblem(
                status: 404,
                name: "INVALID_RESOURCE_ID",
                message: "Resource id is invalid",
                shape: .bare
            )
        }
        return index
    }

    // MARK: As an answer

    private func webhookJSON(_ webhook: PayPalWebhook, _ base: String) -> SandboxJSON {
        let own = "\(base)/v1/notifications/webhooks/\(webhook.id)"
        return .of([
            "id": .string(webhook.id),
            "url": .string(webhook.url),
            "event_types": .array(webhook.types.map(typeJSON)),
            "links": .array([link(own, "self", "GET"), link(own, "update", "PATCH"), link(own, "delete", "DELETE")]),
        ])
    }

    private func typeJSON(_ type: String) -> SandboxJSON {
        let words = type.lowercased().split(whereSeparator: { ".-".contains($0) }).joined(separator: " ")
        return .of([
            "name": .string(type),
            "description": .string(type == "*" ? "ALL" : words.capitalizedFirst + "."),
        ])
    }
}
