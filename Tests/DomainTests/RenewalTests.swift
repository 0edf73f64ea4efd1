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
}
