import Domain
import Foundation
import PayPal
import Store

/// What applying an event came to in one transaction.
enum PayPalStep: Sendable, Hashable {
    /// The same event was applied before.
    case known
    case kept(Verdict)
    /// What it is about may be on its way into the database.
    case tooEarly
    /// PayPal has to be asked first. What is certain already is committed.
    case ask(PayPalQuestion)
}

/// What an event did, and who is to be told.
enum Effect {
    case told(Audience)
    case nobody(Verdict)
    case ask(PayPalQuestion)
    case tooEarly
}

/// Whom a forward goes to, and what it says beside PayPal's words.
struct Audience {
    var merchants: [Merchant.ID] = []
    var subscription: VaultSubscription?
    var subject: String?
    var isSigned = true
    /// Whether the subscription's `thrive_order_id` is added.
    var isAnnotated = true
}

enum PayPalQuestion: Sendable, Hashable {
    case capture(String, account: String)
    case integration(account: String)
    /// Not a question, but it has to be answered before anybody is told.
    case purge(VaultSubscription.ID, token: String, account: String)
}

/// What PayPal said since the event came.
struct PayPalFindings: Sendable {
    /// Nil for what PayPal does not know, or does not say.
    private(set) var captures: [String: CaptureAnswer?] = [:]
    private(set) var integrations: [String: IntegrationAnswer?] = [:]
    /// True where PayPal no longer has the token.
    private(set) var purged: [VaultSubscription.ID: Bool] = [:]

    /// False when PayPal did not answer.
    mutating func ask(_ question: PayPalQuestion, _ payPal: PayPalClient?) async -> Bool {
        guard let payPal else {
            skip(question)
            return true
        }
        switch question {
        case .capture(let id, let account):
            return take(await payPal.capture(id, of: account), question) { $0.captures[id] = .some($1) }
        case .integration(let account):
            return take(await payPal.integration(merchant: account), question) { $0.integrations[account] = .some($1) }
        case .purge(let id, let token, let account):
            return take(await payPal.deleteVaultToken(token, of: account), question) { findings, _ in
                findings.purged[id] = true
            }
        }
    }

    private mutating func take<Value>(
        _ reply: PayPalReply<Value>,
        _ question: PayPalQuestion,
        _ keep: (inout PayPalFindings, Value) -> Void
    ) -> Bool {
        switch reply {
        case .answered(let value, _):
            keep(&self, value)
            return true
        case .rejected:
            skip(question)
            return true
        case .unavailable, .unknown:
            skip(question)
            return false
        }
    }

    /// Goes on without: what was to be known stays unknown, and what was to be purged is purged later.
    private mutating func skip(_ question: PayPalQuestion) {
        switch question {
        case .capture(let id, _): captures[id] = .some(nil)
        case .integration(let account): integrations[account] = .some(nil)
        case .purge(let id, _, _): purged[id] = false
        }
    }
}
