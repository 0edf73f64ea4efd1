import ArgumentParser
import Foundation
import PayPal

/// `gatehouse paypal`: what we have at PayPal.
struct PayPalCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "paypal",
        abstract: "PayPal's webhooks, events and transactions.",
        subcommands: [PayPalWebhookCommands.self, PayPalTransactions.self]
    )
}

struct PayPalWebhookCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhooks",
        abstract: "What PayPal tells us, and where.",
        subcommands: [
            RegisterPayPalWebhook.self, ListPayPalWebhooks.self, DeletePayPalWebhook.self, ListPayPalEvents.self,
            SimulatePayPalEvent.self,
        ]
    )
}

extension CommandProblem {
    /// What PayPal's refusal means to an operator.
    init(_ rejection: PayPalRejection) {
        switch rejection.reason {
        case "WEBHOOK_NUMBER_LIMIT_EXCEEDED":
            self = .failure(
                "PayPal keeps no more than 10 webhooks",
                fix: "gatehouse paypal webhooks list, then delete one"
            )
        case "VALIDATION_ERROR":
            self = .usage(
                "PayPal does not take the address",
                fix: "give --url an https address on port 443 that PayPal can reach"
            )
        default:
            self = .failure("\(rejection)")
        }
    }

    init(_ outage: PayPalOutage) {
        self =
            outage.reason == .credentials
            ? .settings("PayPal refuses us", fix: "put the app's client id and secret in PAYPAL_CLIENT_ID and _SECRET")
            : .unavailable("\(outage)", fix: "try again in a moment")
    }
}

extension PayPalReply {
    /// The answer, or what the operator is told.
    func orProblem() throws -> Value {
        switch self {
        case .answered(let value, _): return value
        case .rejected(let rejection): throw CommandProblem(rejection)
        case .unavailable(let outage), .unknown(let outage): throw CommandProblem(outage)
        }
    }
}

/// A document of PayPal's inside an answer, with its own names.
struct Verbatim: Encodable, Sendable {
    var json: JSON

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch json {
        case .null: try container.encodeNil()
        case .bool(let flag): try container.encode(flag)
        case .number(let text): try container.encode(Decimal(string: text) ?? 0)
        case .string(let text): try container.encode(text)
        case .array(let entries): try container.encode(entries.map(Verbatim.init))
        case .object(let members):
            // Because the names in a dictionary stay as they are, while those of a type are rewritten.
            try container.encode(
                Dictionary(members.map { ($0.name, Verbatim(json: $0.value)) }) { first, _ in first }
            )
        }
    }
}
