import Domain
import Foundation
import Store

/// A subscription's state in sentences.
struct RenewalStory {
    let happened: [String]
    let next: [String]

    init(
        _ renewal: LockedRenewal,
        periods: [ChargePeriod],
        evidence: [ChargeEvidence] = [],
        alarms: [ChargeAlarm] = [],
        pauses: [RenewalPause],
        at now: Date
    ) {
        let (state, id, merchant) = (renewal.state, renewal.subscription.id, renewal.subscription.merchant)
        var happened = [
            "It costs \(renewal.subscription.amount) every \(state.frequency.rawValue), counted from \(Moment.text(state.anchor))."
        ]
        happened += evidence.map(Self.sentence)
        happened += alarms.reversed().map { "\(Moment.text($0.at)): alarm, period \($0.period): \($0.detail)." }
        if state.endedAt != nil || state.status.isOver { happened.append(Self.ending(state)) }
        self.happened = happened
        next =
            pauses.filter { $0.merchant == nil || $0.merchant == merchant }.map(PauseEntry.init).map {
                "\($0.sentence). Nothing is sent until: \($0.fix)"
            } + Self.next(state, id, at: now) + Self.waiting(periods, state, id)
    }

    // MARK: What happened

    private static func sentence(_ evidence: ChargeEvidence) -> String {
        let what = evidence.externalID.map { "\(evidence.fact) (\($0))" } ?? evidence.fact
        let said =
            switch (evidence.source, evidence.fact) {
            case ("api", "unknown"): "no answer of PayPal's said what became of it"
            case ("api", "not done"): "it was not done: PayPal was not reached, or refused to listen"
            case ("api", _): "PayPal answered: \(what)"
            case ("webhook", _): "PayPal's webhook said: \(what)"
            case ("lookup", _): "a look at PayPal's books said: \(what)"
            default: "an operator said: \(what)"
            }
        let debug = evidence.debugID.map { ", debug id \($0)" } ?? ""
        return
            "\(Moment.text(evidence.at)): period \(evidence.key.period), try \(evidence.key.number): \(said)\(debug)."
    }

    private static func ending(_ state: RenewalState) -> String {
        state.status == .revoked
            ? "All three tries were declined, or forbidden by the bank: it was revoked, and the shop was told to end access."
            : "It ended\(state.endedAt.map { " at \(Moment.text($0))" } ?? ""): canceled, refunded, or its shop left."
    }

    // MARK: What happens next

    private static func next(_ state: RenewalState, _ id: VaultSubscription.ID, at now: Date) -> [String] {
        if let open = state.attempts.first(where: { $0.state.isOpen }) { return sentences(open, state, id) }
        if state.status == .activating {
            return ["It is being activated: its first charge is sent when the shop asks for it again, and not before."]
        }
        guard state.status.renews, state.endedAt == nil else {
            return ["Nothing is charged any more: it has ended, and no charge is open."]
        }
        guard let at = state.nextActionAt else {
            return ["Nobody looks at period \(state.current) by itself: gatehouse renewals charge-now \(id)"]
        }
        let time = Moment.text(at)
        let step = state.period(state.current)?.step ?? 0
        if step > 0, let (decline, declined) = state.lastDecline,
            decline.forbidsTrying(
                at: max(at, now).timeIntervalSince1970,
                declinedAt: declined.timeIntervalSince1970
            )
        {
            let end = step == 2 ? "access ends" : "access is kept until the next step"
            return [
                "At \(time), step \(step + 1) of 3, period \(state.current) counts as declined without being sent: the bank forbade another try with this payment method (\(decline.issue ?? "HTTP \(decline.status)")). Then \(end)."
            ]
        }
        let isLate = at <= now
        switch step {
        case 1:
            let when = isLate ? "By the next free worker (due since \(time))" : "At \(time)"
            return [
                "\(when) period \(state.current) is tried again: day 3 after the first decline. Access is kept meanwhile."
            ]
        case 2:
            let when = isLate ? "By the next free worker (due since \(time))" : "At \(time)"
            return [
                "\(when) period \(state.current) is tried for the last time: day 7 after the first decline. If that is declined too, access ends."
            ]
        default:
            return [
                isLate
                    ? "Due since \(time): period \(state.current) is charged by the next free worker."
                    : "At \(time) period \(state.current) is charged."
            ]
        }
    }

    private static func sentences(
        _ open: ChargeAttempt,
        _ state: RenewalState,
        _ id: VaultSubscription.ID
    ) -> [String] {
        let at = Moment.text(state.wakeAt ?? open.probeAt)
        let ended = state.endedAt != nil || state.status.isOver
        let period = open.key.period
        switch open.state {
        case .planned:
            return [
                ended
                    ? "A charge of period \(period) was not sent, and is given up at \(at): it has ended."
                    : "The charge of period \(period) was not sent: at \(at) it is sent with the same request id."
            ]
        case .sending:
            return [
                "The charge of period \(period) is being sent by a worker; if that worker died, another one goes on at \(at)."
            ]
        case .settling:
            return [
                "PayPal has taken the charge of period \(period) and decides whether it holds; nothing is charged meanwhile. Next look at \(at)."
            ]
        case .review:
            return [
                "Nobody can prove what became of the charge of period \(period), so nothing of it is charged until a person decides.",
                "Look for invoice id …-\(id)-\(period) in PayPal, then: gatehouse renewals resolve \(id) --period \(period) --paid CAPTURE | --unpaid | --waive",
            ]
        default:
            if state.status == .activating {
                return [
                    "Nobody can say yet what became of the first charge. It is looked up at \(at); only the shop's asking again sends it again."
                ]
            }
            if ended { return ["It has ended, so the charge is only looked up, never sent again. Next look at \(at)."] }
            let again =
                open.onlyLookUp
                ? "At \(at) it is looked up, and not sent again."
                : open.form == .twoStep
                    ? "At \(at) PayPal is asked again: it captures an order once at most."
                    : "At \(at) PayPal is asked again, with the same request id while it still remembers it (5 h 30 from the first sending), after that by looking it up."
            return [
                "Nobody can say yet what became of the charge of period \(period). \(again)",
                "This is an outage and not a decline: it spends no try, and nobody loses access.",
            ]
        }
    }

    /// Periods that nobody but a person decides about.
    private static func waiting(
        _ periods: [ChargePeriod],
        _ state: RenewalState,
        _ id: VaultSubscription.ID
    ) -> [String] {
        let numbers = periods.filter { period in
            period.status == .review
                && !state.attempts.contains { $0.key.period == period.number && $0.state == .review }
        }
        .map { String($0.number) }
        guard !numbers.isEmpty else { return [] }
        let charge = state.status.renews ? "gatehouse renewals charge-now \(id) --period N, or: " : ""
        return [
            "Not paid and not charged by itself: period \(numbers.joined(separator: ", ")). A person decides about each: \(charge)gatehouse renewals resolve \(id) --period N --paid CAPTURE | --waive"
        ]
    }
}
