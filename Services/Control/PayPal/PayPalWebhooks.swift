import ArgumentParser
import PayPal

struct RegisterPayPalWebhook: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "register",
        abstract: "Have PayPal tell us what happens.",
        discussion: """
            Registers the address for all events that are of use. One that is registered already is used again, and gets \
            the events that it lacks. The id it prints goes into PAYPAL_WEBHOOK_ID: PayPal signs for it.

            EXAMPLE
              gatehouse paypal webhooks register
              gatehouse paypal webhooks register --url https://pay.example.com/webhooks/paypal
            """
    )

    static let needs: Set<Need> = [.payPal]

    @Option(name: .long, help: "Where PayPal sends them; else APP_URL/webhooks/paypal.")
    var url: String?

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var id: String
        var url: String
        /// `created`, `extended` or `kept`.
        var result: String
        /// Whether PAYPAL_WEBHOOK_ID has it already.
        var isSet: Bool

        func show(on page: inout Page) {
            page.line("\(url) is registered (\(result)).", .good)
            page.line("PAYPAL_WEBHOOK_ID=\(id)")
            if !isSet {
                page.line("Put that line into the settings and restart: events are refused until then.", .warning)
            }
        }
    }

    /// What shops are told of, and what we act upon.
    static let eventTypes = [
        "CHECKOUT.ORDER.APPROVED", "CHECKOUT.ORDER.COMPLETED", "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
        "CUSTOMER.DISPUTE.CREATED", "CUSTOMER.DISPUTE.RESOLVED", "CUSTOMER.DISPUTE.UPDATED",
        "IDENTITY.AUTHORIZATION-CONSENT.REVOKED", "MERCHANT.ONBOARDING.COMPLETED", "MERCHANT.PARTNER-CONSENT.REVOKED",
        "PAYMENT.CAPTURE.COMPLETED", "PAYMENT.CAPTURE.DECLINED", "PAYMENT.CAPTURE.DENIED", "PAYMENT.CAPTURE.PENDING",
        "PAYMENT.CAPTURE.REFUNDED", "PAYMENT.CAPTURE.REVERSED", "PAYMENT.REFUND.FAILED", "PAYMENT.REFUND.PENDING",
        "PAYMENT.SALE.COMPLETED", "VAULT.PAYMENT-TOKEN.CREATED", "VAULT.PAYMENT-TOKEN.DELETED",
    ]

    func answer(at desk: Desk) async throws -> Reply {
        let payPal = try desk.payPal
        let url = url ?? desk.ingress + "/webhooks/paypal"
        func reply(_ id: String, _ result: String) -> Reply {
            Reply(id: id, url: url, result: result, isSet: id == desk.payPalWebhookID)
        }
        if let known = try await payPal.webhooks().orProblem().first(where: { $0.url == url }) {
            let isWhole = Set(Self.eventTypes).isSubset(of: known.eventTypes) || known.eventTypes == ["*"]
            if isWhole { return reply(known.id, "kept") }
            let all = known.eventTypes + Self.eventTypes.filter { !known.eventTypes.contains($0) }
            _ = try await payPal.updateWebhook(known.id, eventTypes: all).orProblem()
            return reply(known.id, "extended")
        }
        let made = try await payPal.createWebhook(url: url, eventTypes: Self.eventTypes).orProblem()
        return reply(made.id, "created")
    }
}

struct ListPayPalWebhooks: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Where PayPal sends what happens.",
        discussion: """
            EXAMPLE
              gatehouse paypal webhooks list
            """
    )

    static let needs: Set<Need> = [.payPal]

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        struct Entry: Encodable, Sendable {
            var id: String
            var url: String
            var eventTypes: [String]
            /// Whether it is the one in PAYPAL_WEBHOOK_ID.
            var isOurs: Bool
        }

        var webhooks: [Entry]

        func show(on page: inout Page) {
            var table = Table("id", "url", "events", "ours")
            for webhook in webhooks {
                table.row(
                    Table.Cell(webhook.id),
                    Table.Cell(webhook.url),
                    Table.Cell("\(webhook.eventTypes.count)"),
                    Table.Cell(webhook.isOurs ? "yes" : nil, .good)
                )
            }
            page.table(table, otherwise: "No webhooks. Register one: gatehouse paypal webhooks register")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        Reply(
            webhooks: try await desk.payPal.webhooks().orProblem().map {
                .init(id: $0.id, url: $0.url, eventTypes: $0.eventTypes, isOurs: $0.id == desk.payPalWebhookID)
            }
        )
    }
}

struct DeletePayPalWebhook: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Have PayPal no longer send to an address.",
        discussion: """
            Deleting what is not there is not an error: exit status 3 says so.

            EXAMPLE
              gatehouse paypal webhooks delete 0LS3308554161733N
            """
    )

    static let needs: Set<Need> = [.payPal]

    @Argument(help: "The webhook's id at PayPal.")
    var id: String

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var id: String
        var deleted: Bool
        /// Whether it is the one in PAYPAL_WEBHOOK_ID.
        var wasOurs: Bool

        var exitStatus: ExitStatus { deleted ? .ok : .no }

        func show(on page: inout Page) {
            page.line(deleted ? "\(id) is deleted." : "PayPal knows no webhook \(id).", deleted ? .good : .plain)
            guard wasOurs else { return }
            page.line(
                "It is the one in PAYPAL_WEBHOOK_ID: no event of PayPal's comes in any more. To have them again:",
                .bad
            )
            page.line("  gatehouse paypal webhooks register")
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        Reply(
            id: id,
            deleted: try await desk.payPal.deleteWebhook(id).orProblem(),
            wasOurs: id == desk.payPalWebhookID
        )
    }
}
