import Domain
import Foundation
import Postgres
import RenewalJobs
import SandboxPages
import Store

/// What a year came to. Money is of the pretended PayPal's ledger, the rest of our tables.
struct YearBooks: Encodable, Sendable {
    var charged: Int
    var taken: String
    var declined: Int
    var recoveredByDay3: Int
    var recoveredByDay7: Int
    var revoked: Int
    var inReview: Int
    var decidedByPerson: Int
    var waived: Int
    var canceled: Int
    var refunded: Int
    var stillRunning: Int
    var hoursOfOutages: Int
    var hoursOfOurOwn: Int
    var lostRequests: Int
    var lostAnswers: Int
    var serverErrors: Int
    var lostWebhooks: Int
    var pauses: Int

    var rows: [(what: String, count: Int, note: String)] {
        [
            ("charged", charged, taken),
            ("declined at the first try", declined, ""),
            ("recovered by day 3", recoveredByDay3, ""),
            ("recovered by day 7", recoveredByDay7, ""),
            ("revoked", revoked, ""),
            ("in review now", inReview, "\(decidedByPerson) were decided by a person, \(waived) periods waived"),
            ("canceled", canceled, ""),
            ("refunded", refunded, ""),
            ("still running", stillRunning, ""),
            ("hours without PayPal", hoursOfOutages, "\(hoursOfOurOwn) more without us"),
            ("requests lost", lostRequests, "\(serverErrors) server errors, \(lostAnswers) answers lost"),
            ("webhooks lost", lostWebhooks, ""),
            ("times charging was paused", pauses, ""),
        ]
    }
}

/// Compares the year's books with the pretended PayPal's ledger: what our tables say of themselves proves nothing.
struct YearJudge: Sendable {
    let ground: YearGround

    func books(_ tally: YearTally) async throws -> YearBooks {
        let captures = ground.sandbox.money.filter { $0.kind == .capture }
        let minor = captures.reduce(0) { $0 + $1.amount.minor }
        let plan = ground.plan
        func hours(_ outages: [Range<Date>]) -> Int {
            Int(outages.reduce(0) { $0 + $1.upperBound.timeIntervalSince($1.lowerBound) } / 3600)
        }
        let found = try await ground.store.read { try $0.renewalSummary() }
        return YearBooks(
            charged: captures.count,
            taken: Money(minorUnits: Int64(minor), currency: "USD").description,
            declined: found.declinedPeriods,
            recoveredByDay3: found.paidAtTry[2] ?? 0,
            recoveredByDay7: found.paidAtTry[3] ?? 0,
            revoked: found.statuses["revoked"] ?? 0,
            inReview: found.inReview,
            decidedByPerson: tally.decided,
            waived: found.waived,
            canceled: tally.canceled,
            refunded: tally.refunded,
            stillRunning: ["trialing", "active", "past_due"].reduce(0) { $0 + (found.statuses[$1] ?? 0) },
            hoursOfOutages: hours(plan.outages),
            hoursOfOurOwn: hours(plan.ownOutages),
            lostRequests: tally.lostRequests,
            lostAnswers: tally.lostAnswers,
            serverErrors: tally.serverErrors,
            lostWebhooks: tally.lostEvents,
            pauses: tally.pauses
        )
    }

    func verdicts() async throws -> [InvariantCheck.Verdict] {
        let check = InvariantCheck(
            store: ground.store,
            paypal: ground.paypal,
            sealer: ground.sealer,
            reach: .init(seconds: 366 * YearPlan.day, lookUps: 1000)
        )
        var verdicts = try await check.run(at: ground.plan.end)
        for index in verdicts.indices where verdicts[index].invariant == "I9" {
            // Some webhooks of a year never came, and nobody back-fills here: what was told twice or wrongly remains.
            verdicts[index].violations.removeAll { $0.detail.hasSuffix(" was told 0 times") }
        }
        return verdicts + [try await ledger(), try await calendar()]
    }

    private func violation(_ name: String, _ id: VaultSubscription.ID?, _ period: Int?, _ detail: String)
        -> InvariantViolation
    {
        InvariantViolation(invariant: name, subscription: id, period: period, detail: detail)
    }

    /// Each capture of the ledger pays one period, and each paid period has one capture.
    private func ledger() async throws -> InvariantCheck.Verdict {
        let captures = ground.sandbox.money.filter { $0.kind == .capture }
        let byInvoice = Dictionary(grouping: captures, by: { $0.invoiceID ?? "none" })
        var violations = byInvoice.filter { $0.value.count > 1 }
            .map { violation("ledger", nil, nil, "\($0.key) was captured \($0.value.count) times") }
        var known: Set<String> = []
        for buyer in ground.plan.buyers {
            for period in try await ground.store.read({ try $0.chargePeriods(of: buyer.id) }) {
                let invoice = "sandbox-\(buyer.id)-\(period.number)"
                let capture = byInvoice[invoice]?.first
                known.insert(invoice)
                if (period.status == .paid) != (capture != nil) {
                    let money = capture == nil ? "no money was taken" : "money was taken"
                    violations.append(violation("ledger", buyer.id, period.number, "\(period.status), and \(money)"))
                } else if let capture, let id = period.captureID, id != capture.capture {
                    violations.append(violation("ledger", buyer.id, period.number, "paid by \(id), not by its capture"))
                }
            }
        }
        for invoice in byInvoice.keys where !known.contains(invoice) {
            violations.append(violation("ledger", nil, nil, "\(invoice) was captured, and no period is known"))
        }
        return .init(
            invariant: "ledger",
            says: "the ledger has one capture of each paid period, and none else",
            isGrave: true,
            violations: violations
        )
    }

    /// Nobody was forgotten: of each subscription that still runs, what came due is paid, let go, or waits for a person.
    private func calendar() async throws -> InvariantCheck.Verdict {
        var violations: [InvariantViolation] = []
        // Dunning takes a week, and our machines may have been away before it.
        let settled = ground.plan.end - 18 * YearPlan.day
        for buyer in ground.plan.buyers {
            guard let row = try await ground.store.read({ try $0.vaultSubscription(buyer.id) }), row.status.renews
            else {
                continue
            }
            let periods = try await ground.store.read { try $0.chargePeriods(of: buyer.id) }
            let statuses = Dictionary(periods.map { ($0.number, $0.status) }, uniquingKeysWith: { $1 })
            var number = buyer.isTrial ? 0 : 1
            while let due = buyer.frequency.date(buyer.anchor, plus: number), due <= settled {
                switch statuses[number] {
                case .paid, .waived, .review: break
                case .due where number == row.nextPeriod: break
                default:
                    let status = statuses[number].map { "\($0)" } ?? "missing"
                    violations.append(violation("calendar", buyer.id, number, "due \(Moment.text(due)), \(status)"))
                }
                number += 1
            }
        }
        return .init(
            invariant: "calendar",
            says: "of what still runs each period that came due was charged, let go, or waits for a person",
            isGrave: true,
            violations: violations
        )
    }
}
