import Domain
import Foundation
import Testing

@Suite struct `When a period is due` {
    private func date(_ text: String) throws -> Date { try Date(text, strategy: .iso8601) }

    @Test func `the last day of January becomes the last of February and the 31st of March again`() throws {
        let anchor = try date("2027-01-31T12:30:00Z")
        let expected = ["2027-02-28T12:30:00Z", "2027-03-31T12:30:00Z", "2027-04-30T12:30:00Z", "2027-05-31T12:30:00Z"]
        for (number, text) in expected.enumerated() {
            #expect(BillingFrequency.month.date(anchor, plus: number + 1) == (try date(text)))
        }
        #expect(BillingFrequency.month.date(anchor, plus: 13) == (try date("2028-02-29T12:30:00Z")))
    }

    @Test(arguments: BillingFrequency.allCases)
    func `every interval agrees with the calendar`(frequency: BillingFrequency) throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let steps: [BillingFrequency: (Calendar.Component, Int)] = [
            .day: (.day, 1), .week: (.day, 7), .month: (.month, 1), .quarter: (.month, 3), .halfYear: (.month, 6),
            .year: (.year, 1),
        ]
        let (unit, count) = try #require(steps[frequency])
        for anchor in ["2024-02-29T23:59:59Z", "1999-12-31T00:00:00Z", "2100-02-28T06:00:00Z"].map({ try? date($0) }) {
            let anchor = try #require(anchor)
            for number in 0...90 {
                let expected = calendar.date(byAdding: unit, value: count * number, to: anchor)
                #expect(frequency.date(anchor, plus: number) == expected, "\(anchor) + \(number)")
            }
        }
    }

    @Test func `what is beyond the calendar is nil and no trap`() {
        for count in [Int.max, Int.min, 1_000_000_000] {
            for frequency in BillingFrequency.allCases { #expect(frequency.date(.now, plus: count) == nil) }
        }
        #expect(BillingFrequency.month.date(Date(timeIntervalSince1970: 1e300), plus: 1) == nil)
    }
}

@Suite struct `What a refusal says` {
    @Test(arguments: [
        ("INSTRUMENT_DECLINED", 422, ChargeDecline.Fault.buyer), ("PAYER_CANNOT_PAY", 422, .buyer),
        ("INVALID_VAULT_ID", 422, .vaultToken), ("TOKEN_EXPIRED", 422, .vaultToken),
        ("PAYEE_ACCOUNT_RESTRICTED", 422, .merchant), ("PERMISSION_DENIED", 403, .merchant),
        ("MALFORMED_REQUEST_JSON", 400, .request), ("RESOURCE_NOT_FOUND", 404, .request),
    ])
    func `it is somebody's business`(issue: String, status: Int, fault: ChargeDecline.Fault) {
        #expect(ChargeDecline.Fault(issue: issue, status: status) == fault)
    }

    @Test func `HTTP 403 without a word is an invalid or revoked vault token`() {
        #expect(ChargeDecline.Fault(issue: nil, status: 403) == .vaultToken)
    }

    @Test func `last_error is in the format of the document`() {
        #expect(ChargeDecline(fault: .buyer, status: 403).lastError == "PayPal call orders_create failed: HTTP 403")
    }

    @Test func `the network's wait is kept, and its never is never`() {
        let late = ChargeDecline(fault: .buyer, advice: .after(4 * 86_400))
        #expect(late.forbidsTrying(at: 3 * 86_400, declinedAt: 0))
        #expect(!late.forbidsTrying(at: 7 * 86_400, declinedAt: 0))
        #expect(ChargeDecline(fault: .buyer, advice: .never).forbidsTrying(at: 1e9, declinedAt: 0))
    }
}

@Suite struct `Deciding whether to charge` {
    let start = Date(timeIntervalSince1970: 1_800_000_000)
    let reducer = RenewalReducer()

    private func state(_ status: VaultSubscription.Status = .active) -> RenewalState {
        RenewalState(
            anchor: start,
            frequency: .day,
            status: status,
            current: 1,
            frontier: 1,
            nextActionAt: start + 86_400
        )
    }

    private func key(_ period: Int, _ number: Int = 1, _ seq: Int = 0) -> ChargeAttempt.Key {
        ChargeAttempt.Key(period: period, number: number, seq: seq)
    }

    @Test func `nothing is charged before it is due`() {
        let (after, commands) = reducer.reduce(state(), .wake, at: start + 86_399)
        #expect(commands.isEmpty)
        #expect(after.attempts.isEmpty)
    }

    @Test func `while a charge is being sent nobody sends another`() {
        let (sending, commands) = reducer.reduce(state(), .wake, at: start + 86_400)
        #expect(commands == [.send(key(1), fence: 1)])
        #expect(reducer.reduce(sending, .wake, at: start + 86_460).1.isEmpty)
        // When its worker died, the next one sends the same with a new fence.
        #expect(reducer.reduce(sending, .wake, at: start + 86_521).1 == [.send(key(1), fence: 2)])
    }

    @Test func `who was away for a minute does not send`() {
        #expect(reducer.maySend(after: 59))
        #expect(!reducer.maySend(after: 61))
    }

    @Test func `request ids and invoice ids are derived, and short enough for PayPal`() {
        let names = ChargeNames(environment: "sandbox", subscription: "0190f6e2-0000-7000-8000-000000000001")
        let attempt = ChargeAttempt(key(100_000, 3, 3), at: start)
        #expect(names.requestID(attempt).utf8.count <= 108)
        #expect(names.invoiceID(period: 100_000).utf8.count <= 127)
        let custom = names.customID(attempt.key)
        #expect(ChargeNames.parse(customID: custom)?.key == attempt.key)
        #expect(ChargeNames.parse(customID: "order 7") == nil)
    }

    @Test func `a decline that comes late, of an attempt another has replaced, spends no step`() {
        var state = reducer.reduce(self.state(), .wake, at: start + 86_400).0
        state = reducer.reduce(state, .answered(key(1), fence: 1, .unknown(order: nil)), at: start + 86_430).0
        state = reducer.reduce(state, .wake, at: start + 86_400 + 20_000).0
        state =
            reducer.reduce(state, .lookedUp(key(1), fence: 2, .nothing(until: start + 200_000)), at: start + 110_000).0
        state = reducer.reduce(state, .wake, at: start + 110_000).0
        state =
            reducer.reduce(
                state,
                .answered(key(1, 1, 1), fence: 1, .fact(.declined(ChargeDecline(fault: .buyer)))),
                at: start + 110_001
            ).0
        #expect(state.period(1)?.step == 1)
        state = reducer.reduce(state, .learned(key(1), .declined(ChargeDecline(fault: .buyer))), at: start + 110_002).0
        #expect(state.period(1)?.step == 1)
        #expect(state.status == .pastDue)
    }

    @Test func `a person's word settles what nobody could prove`() {
        var state = reducer.reduce(self.state(), .wake, at: start + 86_400).0
        state = reducer.reduce(state, .answered(key(1), fence: 1, .unknown(order: nil)), at: start + 86_430).0
        state = reducer.reduce(state, .wake, at: start + 86_400 + 20_000).0
        state = reducer.reduce(state, .lookedUp(key(1), fence: 2, .unable), at: start + 110_000).0
        #expect(state.attempt(key(1))?.state == .review)
        #expect(state.wakeAt == nil)
        let paid = reducer.reduce(state, .resolve(period: 1, .paid(captureID: "C1")), at: start + 120_000).0
        #expect(paid.period(1)?.captureID == "C1")
        #expect(paid.current == 2)
        let unpaid = reducer.reduce(state, .resolve(period: 1, .unpaid), at: start + 120_000).0
        #expect(unpaid.nextActionAt == start + 120_000)
        let waived = reducer.reduce(state, .resolve(period: 1, .waive), at: start + 120_000).0
        #expect(waived.period(1)?.status == .waived)
        #expect(waived.current == 2)
    }

    @Test func `after a person's word about an older period the next one comes due all the same`() {
        var state = self.state()
        state.current = 3
        state.frontier = 3
        state.nextActionAt = nil  // while the charge below is looked into, nobody looks at anything else
        state.periods = [ChargePeriod(number: 2, dueAt: start + 2 * 86_400, status: .review)]
        var attempt = ChargeAttempt(key(2), kind: .manual, at: start + 2.5 * 86_400)
        attempt.state = .review
        state.attempts = [attempt]
        for decision in [RenewalDecision.paid(captureID: "C1"), .unpaid, .waive] {
            let after = reducer.reduce(state, .resolve(period: 2, decision), at: start + 2.6 * 86_400).0
            #expect(after.nextActionAt == start + 3 * 86_400, "\(decision)")
        }
    }

    @Test(arguments: [
        (RenewalDecision.paid(captureID: "C1"), ChargeAttempt.State.absent), (.unpaid, .absent), (.waive, .void),
        (.paid(captureID: "C2"), .captured),
    ])
    func `a charge in review of a period that another one paid is settled by a person's word`(
        decision: RenewalDecision,
        becomes: ChargeAttempt.State
    ) {
        var state = self.state()
        state.current = 2
        state.frontier = 2
        state.nextActionAt = nil
        state.periods = [ChargePeriod(number: 1, dueAt: start + 86_400, status: .paid)]
        state.periods[0].captureID = "C1"
        var attempt = ChargeAttempt(key(1, 1, 1), at: start + 86_400)
        attempt.state = .review
        state.attempts = [attempt]
        let (after, commands) = reducer.reduce(state, .resolve(period: 1, decision), at: start + 90_000)
        #expect(after.attempt(key(1, 1, 1))?.state == becomes)
        #expect(after.period(1)?.captureID == "C1")
        #expect(after.nextActionAt == start + 2 * 86_400, "or the buyer would never be charged again")
        let twice = RenewalCommand.alarm(.chargedTwice(period: 1, captureID: "C1", and: "C2"))
        #expect(commands == (becomes == .captured ? [twice] : []))
    }
}

@Suite struct `The first charge, at the activation` {
    let start = Date(timeIntervalSince1970: 1_800_000_000)
    let reducer = RenewalReducer()
    let key = ChargeAttempt.Key(period: 0, number: 1, seq: 0)

    private var activating: RenewalState {
        RenewalState(
            anchor: start,
            frequency: .month,
            status: .activating,
            current: 0,
            frontier: 0,
            nextActionAt: nil
        )
    }

    private func sent() -> RenewalState { reducer.reduce(activating, .chargeFirst, at: start).0 }

    @Test func `it is sent by the shop's asking alone, and asked again it is the same charge`() {
        let (first, commands) = reducer.reduce(activating, .chargeFirst, at: start)
        #expect(commands == [.send(key, fence: 1)])
        #expect(first.periods.map(\.status) == [.due])
        #expect(reducer.reduce(activating, .wake, at: start).1.isEmpty)
        let again = reducer.reduce(first, .chargeFirst, at: start + 3600)
        #expect(again.1 == [.send(key, fence: 2)])
        #expect(again.0.attempts.count == 1)
        // PayPal is about to forget the id.
        #expect(reducer.reduce(first, .chargeFirst, at: start + 5.5 * 3600).1.isEmpty)
        // A sweep that finds it looks, and sends nothing.
        #expect(reducer.reduce(first, .wake, at: start + 300).1 == [.lookUp(key, fence: 2)])
    }

    @Test func `captured it is paid and nobody is alarmed, whoever learned of it`() {
        let (paid, commands) = reducer.reduce(sent(), .learned(key, .captured(id: "C1", order: "O1")), at: start + 5)
        #expect(paid.period(0)?.captureID == "C1")
        #expect(commands == [.tell(.paid(period: 0, captureID: "C1"))])
        #expect(reducer.reduce(paid, .chargeFirst, at: start + 60).1.isEmpty)
        #expect(reducer.reduce(paid, .wake, at: start + 60).1.isEmpty)
    }

    @Test func `captured after the buyer has cancelled it is an alarm`() {
        let canceled = reducer.reduce(sent(), .end(.canceled), at: start + 60).0
        let commands = reducer.reduce(canceled, .learned(key, .captured(id: "C1", order: nil)), at: start + 90).1
        #expect(commands.contains(.alarm(.capturedAfterEnd(key, captureID: "C1"))))
        #expect(reducer.reduce(canceled, .chargeFirst, at: start + 61).1.isEmpty)
    }

    @Test func `what nobody can say comes before a person`() {
        var state = reducer.reduce(sent(), .answered(key, fence: 1, .unknown(order: nil)), at: start + 10).0
        var commands: [RenewalCommand] = []
        for hour in 1...6 where state.attempt(key)?.state == .indeterminate {
            let now = start + Double(hour) * 3700
            (state, commands) = reducer.reduce(state, .wake, at: now)
            guard case .lookUp(_, let fence)? = commands.first else { continue }
            (state, commands) = reducer.reduce(state, .lookedUp(key, fence: fence, .unable), at: now + 1)
        }
        #expect(state.attempt(key)?.state == .review)
        #expect(commands == [.alarm(.unprovable(key))])
        #expect(state.attempts.count == 1)
    }

    @Test func `what was not done, or refused, is another charge when the shop asks again`() {
        for answer in [
            ChargeAnswer.notDone(retryAfter: nil), .fact(.declined(ChargeDecline(fault: .request, status: 400))),
        ] {
            var state = reducer.reduce(sent(), .answered(key, fence: 1, answer), at: start + 10).0
            #expect(state.status == .activating)
            #expect(state.firstDeclinedAt == nil)
            state = reducer.reduce(state, .wake, at: start + 3700).0
            let commands = reducer.reduce(state, .chargeFirst, at: start + 3800).1
            #expect(commands == [.send(.init(period: 0, number: 1, seq: 1), fence: 1)], "\(answer)")
        }
    }
}
