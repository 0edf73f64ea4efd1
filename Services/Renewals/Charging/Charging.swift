package import Domain
import Foundation
import Jobs
import Logging
import Metrics
import PayPal
import Postgres
import Sealing
import Store

extension RenewalDependencies {
    /// Does what the reducer decided; answers the state afterwards, nil where nothing was to be done here.
    func carryOut(
        _ command: RenewalCommand,
        of turn: RenewalTurn,
        committed: Double,
        _ context: JobContext
    ) async throws -> RenewalState? {
        let renewal = turn.renewal
        switch command {
        case .send(let key, let fence):
            guard let attempt = renewal.state.attempt(key) else { return nil }
            return try await send(attempt, turn.frozen[key], fence, of: renewal, committed: committed, context)
        case .lookUp(let key, let fence):
            guard let attempt = renewal.state.attempt(key) else { return nil }
            let (finding, trace) = await look(attempt, of: renewal, at: context.now())
            return try await learn(.lookedUp(key, fence: fence, finding), from: .lookup, trace, of: renewal, context)
        case .alarm(let alarm):
            context.logger.error(
                "a renewal needs a person",
                metadata: [
                    "subscription": "\(renewal.subscription.id)", "what": "\(alarm.kind)", "detail": "\(alarm.detail)",
                ]
            )
            return nil
        case .tell: return nil
        }
    }

    // MARK: Sending

    private func send(
        _ attempt: ChargeAttempt,
        _ justFrozen: FrozenBody?,
        _ fence: Int,
        of renewal: LockedRenewal,
        committed: Double,
        _ context: JobContext
    ) async throws -> RenewalState? {
        let requestID = renewal.names.requestID(attempt)
        var kept = justFrozen
        if kept == nil { kept = try await frozenBody(attempt.key, of: renewal.subscription.id) }
        guard let frozen = kept else { return nil }
        let charge = VaultCharge(
            merchant: renewal.merchantPayPalID,
            requestID: requestID,
            body: try sealer.open(frozen.sealed, for: FrozenBody.place(of: requestID))
        )
        func mayStillSend() -> Bool { options.reducer.maySend(after: BootClock.seconds - committed) }

        let (answer, trace): (ChargeAnswer, PayPalTrace)
        if !mayStillSend() {
            (answer, trace) = (.notDone(retryAfter: 60), PayPalTrace())
        } else if attempt.form == .oneStep {
            let outcome = await paypal.charge(charge)
            (answer, trace) = (ChargeAnswer(outcome), outcome.trace)
        } else {
            (answer, trace) = try await sendInTwoSteps(charge, attempt, fence, of: renewal, mayStillSend, context)
        }
        Counter(label: "renewals_charges_total", dimensions: [("outcome", answer.label)]).increment()
        let state = try await learn(
            .answered(attempt.key, fence: fence, answer),
            from: .api,
            trace,
            of: renewal,
            context
        )
        // PayPal's word holds everybody back; a worker that was away only itself.
        if case .notDone(let seconds?) = answer, trace.status != nil {
            try await queue.hold(options.limit, for: .seconds(seconds))
        }
        return state
    }

    private func frozenBody(_ key: ChargeAttempt.Key, of id: VaultSubscription.ID) async throws -> FrozenBody? {
        try await store.read { try $0.frozenBody(of: id, key) }
    }

    /// An order that takes no money, kept; then its capture, which PayPal does once at most as long as the order lives.
    private func sendInTwoSteps(
        _ charge: VaultCharge,
        _ attempt: ChargeAttempt,
        _ fence: Int,
        of renewal: LockedRenewal,
        _ mayStillSend: () -> Bool,
        _ context: JobContext
    ) async throws -> (ChargeAnswer, PayPalTrace) {
        guard let whole = JSON(parsing: charge.body) else { throw RenewalError.unreadableBody }
        var orderID = attempt.orderID
        if orderID == nil {
            let order = JSON.object(whole.members.filter { $0.name != "payment_source" })
            let made = await paypal.createOrder(
                order,
                of: charge.merchant,
                details: CallDetails(requestID: charge.requestID)
            )
            switch made {
            case .answered(let order, _): orderID = order.id
            case .rejected(let rejection):
                return (ChargeAnswer(PayPalClient.outcome(of: rejection)), rejection.trace)
            case .unavailable(let outage): return (ChargeAnswer(.unavailable(outage)), outage.trace)
            case .unknown(let outage): return (ChargeAnswer(.unknown(outage)), outage.trace)
            }
            guard let orderID else { return (.unknown(order: nil), made.trace) }
            _ = try await learn(
                .ordered(attempt.key, fence: fence, order: orderID),
                from: .api,
                made.trace,
                of: renewal,
                context
            )
        }
        guard let orderID, mayStillSend() else { return (.notDone(retryAfter: 60), PayPalTrace()) }
        let outcome = await paypal.capture(
            order: orderID,
            of: charge.merchant,
            source: whole["payment_source"],
            details: CallDetails(requestID: charge.requestID + ":capture")
        )
        return (ChargeAnswer(outcome, order: orderID), outcome.trace)
    }

    // MARK: Learning

    /// Writes down what is known now. What can't be written is learned again: the lease ends, and the next worker asks
    /// PayPal with the same id.
    private func learn(
        _ event: RenewalEvent,
        from source: ChargeSource,
        _ trace: PayPalTrace,
        of renewal: LockedRenewal,
        _ context: JobContext
    ) async throws -> RenewalState? {
        let now = context.now()
        let notice = RenewalNotice(
            event,
            of: renewal.subscription.id,
            from: source,
            debugID: trace.anyDebugID,
            at: now
        )
        let turn = try await turns.learn(notice)
        try await compareClocks(trace, at: now, context.logger)
        guard let turn else { return nil }
        for command in turn.commands {
            _ = try await carryOut(command, of: turn, committed: 0, context)
            if case .tell(.declined(_, _, let decline, _)) = command, decline.fault != .buyer {
                try await breakOnRefusals(at: now, logger: context.logger)
            }
        }
        return turn.renewal.state
    }
}

package enum RenewalError: Error, Hashable {
    /// An active subscription without a vault token: nothing to charge with.
    case noVaultToken(VaultSubscription.ID)
    case unreadableBody
}
