import Domain
package import Sealing

/// Whether a body comes from one seller's ThriveCart account.
///
/// The secret word in the body is the only proof there is: no signature, no time. Source: rule A6.
package struct ThriveCartVerifier: Sendable {
    /// For the metrics. Whoever posted gets one answer for all but `accepted`.
    package enum Verdict: String, Sendable, CaseIterable {
        case accepted
        case secretMissing = "secret-missing"
        case secretWrong = "secret-wrong"
        case accountWrong = "account-wrong"
    }

    private let secrets: [ConstantTime.Prepared]
    private let account: String?

    /// - Parameters:
    ///   - secrets: the words that are good now. ThriveCart changes the word at once, so during a change there are two.
    ///     Without any, nothing is accepted.
    ///   - account: the account's name; nil accepts bodies of any account.
    package init(secrets: [String], account: String?) {
        self.secrets = secrets.filter { !$0.trimmingBlanks().isEmpty }.map { ConstantTime.Prepared($0) }
        let name = account?.trimmingBlanks().lowercased()
        self.account = name == "" ? nil : name
    }

    /// Judges a body. Takes as long for a nearly right secret as for a wrong one.
    package func verdict(on payload: ThriveCartPayload) -> Verdict {
        verdict(on: payload, presenting: ConstantTime.Prepared(payload.secret ?? []))
    }

    /// The same, where one body is judged by many verifiers: `secret` is the payload's own, prepared once.
    package func verdict(on payload: ThriveCartPayload, presenting secret: ConstantTime.Prepared) -> Verdict {
        guard ConstantTime.index(of: secret, in: secrets) != nil else {
            return payload.secret == nil ? .secretMissing : .secretWrong
        }
        if let account, payload.namesAccount(otherThan: account) { return .accountWrong }
        return .accepted
    }

    package func accepts(_ payload: ThriveCartPayload) -> Bool { verdict(on: payload) == .accepted }
}
