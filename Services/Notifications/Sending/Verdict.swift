package import Foundation
package import Outbound
package import Store

extension DeliveryAttempt {
    /// What came of a request, and what follows by the schedule.
    ///
    /// - Parameter jitter: 0 ..< 1, see `DeliverySchedule`; not asked for when there is nothing to wait for.
    package init(
        _ outgoing: OutgoingDelivery,
        _ outcome: GuardedClient.Outcome,
        at started: Date,
        latency: Duration,
        now: Date,
        jitter: @autoclosure () -> Double
    ) {
        let answer: GuardedClient.Answer?
        let failure: String?
        switch outcome {
        case .answered(let given): (answer, failure) = (given, nil)
        case .failed(let reason): (answer, failure) = (nil, reason.rawValue)
        }
        self.init(
            of: outgoing.delivery,
            turn: outgoing.turn,
            to: outgoing.endpoint,
            at: started,
            status: answer?.status,
            failure: failure,
            latency: latency,
            answer: answer?.body ?? [],
            outcome: Self.outcome(
                status: answer?.status,
                retryAfter: answer?.retryAfter,
                step: outgoing.step,
                now: now,
                jitter: jitter()
            )
        )
    }

    /// 2xx is done, 410 ends it for the endpoint; all else, a redirect too, is a failure and tried again.
    static func outcome(
        status: Int?,
        retryAfter: String?,
        step: Int,
        now: Date,
        jitter: @autoclosure () -> Double
    ) -> Outcome {
        switch status {
        case .some(200...299): return .delivered
        case 410: return .gone
        default:
            guard
                let wait = DeliverySchedule.wait(after: step, retryAfter: retryAfter, now: now, jitter: jitter())
            else { return .gaveUp }
            let (seconds, attoseconds) = wait.components
            return .retry(at: now.addingTimeInterval(Double(seconds) + Double(attoseconds) / 1e18))
        }
    }
}
