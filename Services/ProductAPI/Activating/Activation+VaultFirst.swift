internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Logging
internal import PayPal
internal import Sealing
internal import Store

// The payment method is saved first, then charged: nobody pays before a token exists.

extension Activation {
    func vaultFirst(_ subscription: VaultSubscription, _ details: CallDetails) async throws -> ShopAnswer {
        var subscription = subscription
        var trace = PayPalTrace()
        if !subscription.hasVaultToken {
            let token: VaultTokenAnswer
            (token, trace) = try await vaultToken(for: subscription)
            try await attach(token.id, customerID: token.customerID, to: subscription)
            subscription.customerID = token.customerID ?? subscription.customerID
            subscription.hasVaultToken = true
        }
        guard subscription.trialDays > 0 else { return try await firstCharge(subscription, details) }
        return try await beginTrial(subscription, trace)
    }

    /// Exchanges the setup token for the vault token.
    private func vaultToken(for subscription: VaultSubscription) async throws -> (VaultTokenAnswer, PayPalTrace) {
        let reply = await api.payPal.createVaultToken(
            fromSetupToken: subscription.payPalID,
            of: merchant.payPalID,
            details: CallDetails(requestID: "vt:\(subscription.id)")
        )
        switch reply {
        case .answered(let token, let trace): return (token, trace)
        case .rejected(let rejection) where rejection.has("SETUP_TOKEN_ALREADY_TOKENIZED"):
            return try await tokenOfCustomer(subscription, rejection)
        case .rejected(let rejection):
            try await abandon(subscription)
            throw ShopError.upstream(rejection)
        case .unavailable(let outage), .unknown(let outage):
            throw ShopError.upstream(outage)
        }
    }

    /// The exchange was made before, and its answer lost: the buyer's newest token that no subscription has yet is it.
    private func tokenOfCustomer(
        _ subscription: VaultSubscription,
        _ rejection: PayPalRejection
    ) async throws -> (VaultTokenAnswer, PayPalTrace) {
        var customer = subscription.customerID
        if customer == nil {
            customer = await api.payPal.setupToken(subscription.payPalID, of: merchant.payPalID).value?.customerID
        }
        guard let customer else { throw Self.noToken(rejection.trace) }
        let (tokens, trace) = try await api.payPal
            .vaultTokens(ofCustomer: customer, of: merchant.payPalID)
            .orUpstream()
        guard let token = try await free(tokens, for: subscription) else { throw Self.noToken(trace) }
        return (token, trace)
    }

    /// The first of these that fits the method and belongs to no other subscription.
    func free(_ tokens: [VaultTokenAnswer], for subscription: VaultSubscription) async throws -> VaultTokenAnswer? {
        for token in tokens where token.source == nil || token.source == subscription.source.rawValue {
            let hash = TokenHash(of: token.id).bytes
            let owners = try await api.store.read { try $0.vaultSubscriptions(tokenHash: hash) }
            if owners.allSatisfy({ $0.id == subscription.id }) { return token }
        }
        return nil
    }

    static func noToken(_ trace: PayPalTrace) -> ShopError {
        ShopError(
            .badGateway,
            "PayPal has given no vault token for this subscription.",
            errors: ["Do not grant access. Ask again later: the payment, if there was one, is kept."],
            debugID: trace.anyDebugID
        )
    }

    private func beginTrial(_ subscription: VaultSubscription, _ trace: PayPalTrace) async throws -> ShopAnswer {
        let now = api.now()
        let anchor = now + TimeInterval(subscription.trialDays) * 86_400
        let isTrialing = try await api.store.transaction { tx in
            try tx.activate(
                subscription.id,
                as: .trialing,
                anchor: anchor,
                nextPeriod: 0,
                nextActionAt: anchor,
                at: now
            )
        }
        guard isTrialing, let active = try await api.store.read({ try $0.vaultSubscription(subscription.id) }) else {
            throw Self.ended
        }
        var answer = trialing(active)
        answer.debugID = trace.anyDebugID
        return answer
    }

    // MARK: The first charge

    /// Charges period 0, as an obligation like all others: written down before it is sent, under the ids that a renewal of it
    /// would have but for `custom_id`: shops tell a first payment from renewals.
    ///
    /// Asked again within five and a half hours it is the same request; later nothing is sent any more, for PayPal forgets
    /// the id after six, and the renewals find out what became of it.
    private func firstCharge(_ subscription: VaultSubscription, _ details: CallDetails) async throws -> ShopAnswer {
        if let answer = try await alreadyCharged(subscription) { return answer }
        guard let token = try await api.vaultToken(of: subscription) else { throw Self.noToken(PayPalTrace()) }
        let (committed, now) = (BootClock.seconds, api.now())
        let turn = try await api.store.transaction { tx in
            try tx.advance(subscription.id, .chargeFirst, from: .api, at: now) { renewal, attempt in
                try freeze(attempt, of: renewal, token)
            }
        }
        guard let turn else { throw Self.ended }
        guard case .send(let key, let fence)? = turn.commands.first, let attempt = turn.renewal.state.attempt(key)
        else {
            throw notSent(turn.renewal.state, subscription)
        }
        guard let charge = try await frozen(attempt, of: turn.renewal),
            RenewalReducer().maySend(after: BootClock.seconds - committed)
        else {
            try await learn(.answered(key, fence: fence, .notDone(retryAfter: nil)), PayPalTrace(), of: subscription)
            throw ShopError.upstream(PayPalTrace())
        }
        let outcome = await api.payPal.charge(charge)
        try await learn(.answered(key, fence: fence, ChargeAnswer(outcome)), outcome.trace, of: subscription)
        switch outcome {
        case .captured(let payment):
            try await api.record(payment.order, of: merchant, subscription: subscription.id, trace: payment.trace)
            return try await finish(subscription, paidAt: attempt.firstSentAt ?? now, payment)
        case .pending(let payment):
            try await api.record(payment.order, of: merchant, subscription: subscription.id, trace: payment.trace)
            return try await body(of: payment.order, for: subscription, trace: payment.trace)
        case .declined(let decline): return try await declined(subscription, decline)
        case .rejected(let rejection): throw ShopError.upstream(rejection)
        case .unavailable(let outage): throw ShopError.upstream(outage)
        case .unknown(let outage): throw ShopError.upstream(outage, isUncertain: true)
        }
    }

    private func freeze(
        _ attempt: ChargeAttempt,
        of renewal: LockedRenewal,
        _ token: String
    ) throws -> FrozenBody {
        let subscription = renewal.subscription
        let bytes = VaultCharge.body(
            VaultCharge.Terms(
                method: VaultCharge.Method(subscription.source),
                vaultToken: token,
                amount: subscription.amount,
                merchant: merchant.payPalID,
                description: subscription.description,
                customID: renewal.customID(attempt.key),
                invoiceID: renewal.names.invoiceID(period: attempt.key.period)
            )
        )
        let place = FrozenBody.place(of: renewal.names.requestID(attempt))
        return FrozenBody(sealed: try api.sealer.seal(bytes, for: place), of: bytes)
    }

    private func frozen(_ attempt: ChargeAttempt, of renewal: LockedRenewal) async throws -> VaultCharge? {
        let (id, key) = (renewal.subscription.id, attempt.key)
        guard let frozen = try await api.store.read({ try $0.frozenBody(of: id, key) }) else { return nil }
        let requestID = renewal.names.requestID(attempt)
        return VaultCharge(
            merchant: merchant.payPalID,
            requestID: requestID,
            body: try api.sealer.open(frozen.sealed, for: FrozenBody.place(of: requestID))
        )
    }

    private func learn(_ event: RenewalEvent, _ trace: PayPalTrace, of subscription: VaultSubscription) async throws {
        try await api.store.transaction { [now = api.now()] in
            _ = try $0.advance(subscription.id, event, from: .api, debugID: trace.anyDebugID, at: now)
        }
    }

    /// Why nothing may be sent: it is over, or nobody knows yet what became of what was sent.
    private func notSent(_ state: RenewalState, _ subscription: VaultSubscription) -> ShopError {
        guard state.status == .activating, state.isConnected else { return Self.ended }
        api.logger.error("a first charge has no outcome", metadata: ["subscription": "\(subscription.id)"])
        var error = ShopError.upstream(PayPalTrace())
        error.isUncertain = true
        return error
    }

    /// What an event or an earlier call has told of the first charge already.
    private func alreadyCharged(_ subscription: VaultSubscription) async throws -> ShopAnswer? {
        guard let id = try await api.store.read({ try $0.firstOrder(of: subscription.id) }) else { return nil }
        let (order, trace) = try await api.look(at: id, of: merchant)
        try await api.record(order, of: merchant, subscription: subscription.id, trace: trace)
        let attempt = try await api.store.read { try $0.chargeAttempts(of: subscription.id, in: [0]) }.last
        let outcome = PayPalClient.outcome(of: order, isReplay: true, trace: trace)
        if let attempt, case .fact(let fact) = ChargeAnswer(outcome) {
            try await learn(.learned(attempt.key, fact), trace, of: subscription)
        }
        switch outcome {
        case .captured(let payment):
            return try await finish(subscription, paidAt: attempt?.firstSentAt ?? api.now(), payment)
        case .declined(let decline): return try await declined(subscription, decline)
        default: return try await body(of: order, for: subscription, trace: trace)
        }
    }

    /// The bank said no, and the buyer is there to be told: it is over, and nothing is left in the vault.
    private func declined(_ subscription: VaultSubscription, _ decline: PayPal.Decline) async throws -> ShopAnswer {
        try await api.store.transaction { [now = api.now()] in _ = try $0.cancel(subscription.id, at: now) }
        _ = try await api.purgeVaultToken(of: subscription, merchant: merchant)
        guard let order = decline.order else { throw ShopError.upstream(decline.trace) }
        try await api.record(order, of: merchant, subscription: subscription.id, trace: decline.trace)
        return ShopAnswer(body: order.shown, debugID: decline.trace.anyDebugID)
    }
}
