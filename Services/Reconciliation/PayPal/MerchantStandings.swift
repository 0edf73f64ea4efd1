import Domain
import Foundation
import PayPal
import Store

extension PayPalComparison {
    /// Compares what a merchant may do, and whether its consent stands, with what PayPal says.
    ///
    /// A merchant who left is disconnected by PayPal's event and by nothing else: here a person is told.
    func look(at merchant: Merchant) async throws -> Outcome {
        let consent = "consent/\(merchant.id)"
        switch try await ask({ await $0.integration(merchant: merchant.payPalID) }) {
        case .refused(let rejection):
            let reason = "PayPal no longer shows us the account (\(rejection.status))"
            return try await note(.consent, consent, of: merchant, .person, reason)
        case .answered(let integration):
            guard integration.merchantID == merchant.payPalID else {
                return try await note(.consent, consent, of: merchant, .person, "PayPal answered of another account")
            }
            guard integration.hasConsent else {
                return try await note(.consent, consent, of: merchant, .person, "the merchant's consent is gone")
            }
            try await settle(consent)
            return try await keep(Merchant.Profile(integration, at: now()), of: merchant)
        }
    }

    private func keep(_ profile: Merchant.Profile, of merchant: Merchant) async throws -> Outcome {
        let changes = merchant.profile.changes(to: profile)
        if !options.isRehearsal {
            try await store.transaction { try $0.saveProfile(profile, of: merchant.id) }
        }
        // What was never seen has not changed.
        guard merchant.profile.seenAt != nil, !changes.isEmpty else { return .agreed }
        let shown = changes.prefix(10).joined(separator: ", ")
        return try await note(.capabilities, "capabilities/\(merchant.id)", of: merchant, .healed, shown)
    }
}

extension IntegrationAnswer {
    /// Where PayPal lists consents at all, one of them must be there.
    var hasConsent: Bool {
        guard case .array(let integrations) = json["oauth_integrations"] else { return true }
        return integrations.contains { !$0["oauth_third_party"].array.isEmpty }
    }
}

extension Merchant.Profile {
    /// In words for an operator: `CUSTOM_CARD_PROCESSING ACTIVE → SUSPENDED`.
    func changes(to other: Self) -> [String] {
        func text(_ value: Bool?) -> String { value.map { $0 ? "yes" : "no" } ?? "-" }
        var changes: [String] = []
        if paymentsReceivable != other.paymentsReceivable {
            changes.append("payments receivable \(text(paymentsReceivable)) → \(text(other.paymentsReceivable))")
        }
        if primaryEmailConfirmed != other.primaryEmailConfirmed {
            changes.append("e-mail confirmed \(text(primaryEmailConfirmed)) → \(text(other.primaryEmailConfirmed))")
        }
        if country != other.country { changes.append("country \(country ?? "-") → \(other.country ?? "-")") }
        if primaryCurrency != other.primaryCurrency {
            changes.append("currency \(primaryCurrency ?? "-") → \(other.primaryCurrency ?? "-")")
        }
        for name in Set(capabilities.keys).union(other.capabilities.keys).sorted() {
            let (before, after) = (capabilities[name], other.capabilities[name])
            if before != after { changes.append("\(name.prefix(60)) \(before ?? "-") → \(after ?? "-")") }
        }
        return changes
    }
}
