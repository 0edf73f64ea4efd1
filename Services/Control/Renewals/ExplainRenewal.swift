import ArgumentParser
import Domain
import Foundation
import Postgres
import Store

/// `gatehouse renewals explain`: in sentences, what happened and what will happen next, and why.
struct ExplainRenewal: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Tell in plain sentences what happened to a subscription, what happens next, and why.",
        discussion: """
            EXAMPLE
              gatehouse renewals explain 0190f6e2-…
            """
    )

    @Argument(help: "The subscription's id.", transform: RenewalReading.subscription) var subscription:
        VaultSubscription.ID
    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var subscription: String
        var happened: [String]
        var next: [String]

        func show(on page: inout Page) {
            page.heading("What happened")
            happened.forEach { page.line($0) }
            page.heading("What happens next")
            next.forEach { page.line($0) }
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let id = subscription
        return try await desk.store.read { transaction in
            let renewal = try transaction.neededRenewal(id)
            let story = RenewalStory(
                renewal,
                evidence: try transaction.chargeEvidence(of: id),
                alarms: try transaction.chargeAlarms(of: id, limit: 20),
                pauses: try transaction.renewalPauses(for: renewal.subscription.merchant)
            )
            return Reply(subscription: id.description, happened: story.happened, next: story.next)
        }
    }
}

/// A subscription's state in sentences.
struct RenewalStory {
    let happened: [String]
    let next: [String]

    init(_ renewal: LockedRenewal, evidence: [ChargeEvidence], alarms: [ChargeAlarm], pauses: [RenewalPause]) {
        let state = renewal.state
        var happened = [
            "It costs \(renewal.subscription.amount) every \(state.frequency.rawValue), counted from \(Moment.text(state.anchor))."
        ]
        happened += evidence.map(Self.sentence)
        happened += alarms.reversed().map { "\(Moment.text($0.at)): alarm, period \($0.period): \($0.detail)." }
        if state.endedAt != nil || state.status.isOver { happened.append(Self.ending(state)) }
        self.happened = happened
        next =
            pauses.map {
                "Charging is paused since \(Moment.text($0.since)) by \($0.source.rawValue) (\($0.reason)): nothing is sent until somebody resumes it."
            } + Self.next(state)
    }

    private static func sentence(_ evidence: ChargeEvidence) -> String {
        let who =
            switch evidence.source {
            case "api": "PayPal answered"
            case "webhook": "PayPal's webhook said"
            case "lookup": "a look at PayPal's books said"
            default: "an operator said"
            }
        let what = evidence.externalID.map { "\(evidence.fact) (\($0))" } ?? evidence.fact
        let debug = evidence.debugID.map { ", debug id \($0)" } ?? ""
        return
            "\(Moment.text(evidence.at)): period \(evidence.key.period), try \(evidence.key.number): \(who): \(what)\(debug)."
    }

    private static func ending(_ state: RenewalState) -> String {
        state.status == .revoked
            ? "All three tries were declined: it was revoked, and the shop was told to end access."
            : "It was canceled\(state.endedAt.map { " at \(Moment.text($0))" } ?? ""): the buyer keeps what is paid."
    }

    private static func next(_ state: RenewalState) -> [String] {
        if let open = state.attempts.first(where: { $0.state.isOpen }) { return sentences(open, state) }
        if state.status == .activating {
            return ["It is being activated: its first charge is sent when the shop asks for it again, and not before."]
        }
        guard state.status.renews, state.endedAt == nil else {
            return ["Nothing: it has ended, and no charge is open."]
        }
        let at = state.nextActionAt.map(Moment.text) ?? "no time"
        switch state.period(state.current)?.step ?? 0 {
        case 1:
            return [
                "At \(at) period \(state.current) is tried again: day 3 after the first decline. Access is kept meanwhile."
            ]
        case 2:
            return [
                "At \(at) period \(state.current) is tried for the last time: day 7 after the first decline. If that is declined too, access ends."
            ]
        default: return ["At \(at) period \(state.current) is charged."]
        }
    }

    private static func sentences(_ open: ChargeAttempt, _ state: RenewalState) -> [String] {
        let at = Moment.text(state.wakeAt ?? open.probeAt)
        let ended = state.endedAt != nil || state.status.isOver
        switch open.state {
        case .planned: return ["The charge was not sent: at \(at) it is sent with the same request id."]
        case .sending: return ["It is being sent by a worker; if that worker died, another one goes on at \(at)."]
        case .settling:
            return [
                "PayPal has taken it and decides whether it holds; nothing is charged meanwhile. Next look at \(at)."
            ]
        case .review:
            return [
                "Nobody can prove what became of the charge of period \(open.key.period), so nothing is charged until a person decides.",
                "Look for invoice id …-\(open.key.period) in PayPal, then: gatehouse renewals resolve <id> --period \(open.key.period) --paid CAPTURE | --unpaid | --waive",
            ]
        default:
            if state.status == .activating {
                return [
                    "Nobody can say yet what became of the first charge. It is looked up at \(at); only the shop's asking again sends it again."
                ]
            }
            if ended { return ["It has ended, so the charge is only looked up, never sent again. Next look at \(at)."] }
            return [
                "Nobody can say yet what became of the charge. At \(at) PayPal is asked again, with the same request id while it still remembers it (5 h 30 from the first sending), after that by looking it up.",
                "This is an outage and not a decline: it spends no try, and nobody loses access.",
            ]
        }
    }
}
