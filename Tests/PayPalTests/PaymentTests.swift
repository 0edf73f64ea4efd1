import Domain
import Foundation
import PayPal
import TestKit
import Testing

@Suite struct `Taking money` {
    static func order(_ status: String, capture: String?, more: String = "", amount: String = "29.00") -> String {
        let captures = capture.map {
            #"{"id":"CAP1","status":"\#($0)","amount":{"currency_code":"USD","value":"\#(amount)"}\#(more)}"#
        }
        return
            #"{"id":"ORD1","status":"\#(status)","purchase_units":[{"amount":{"currency_code":"USD","value":"\#(amount)"},"#
            + #""invoice_id":"sub-1","payments":{"captures":[\#(captures ?? "")]}}]}"#
    }

    let path = "POST /v2/checkout/orders/ORD1/capture"

    func capture(
        _ answer: ScriptedPayPal.Answer,
        then order: ScriptedPayPal.Answer? = nil,
        timeout: Duration = .seconds(20)
    )
        async throws -> (PaymentOutcome, [ScriptedPayPal.Asked])
    {
        try await ScriptedPayPal.run(timeout: timeout) { payPal, client in
            payPal.answers(path, answer)
            if let order { payPal.answers("GET /v2/checkout/orders/ORD1", order) }
            let outcome = await client.capture(order: "ORD1", of: "M", details: .init(requestID: "cap-1"))
            return (outcome, payPal.asked)
        }
    }

    @Test(arguments: [200, 201]) func `is told by the capture`(status: Int) async throws {
        let (outcome, asked) = try await capture(.json(status, Self.order("COMPLETED", capture: "COMPLETED")))
        guard case .captured(let payment) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(payment.capture.id == "CAP1")
        #expect(payment.capture.amount == Money("29.00", "USD"))
        #expect(payment.isReplay == (status == 200))
        #expect(asked.count == 1)
        #expect(asked[0].headers["paypal-request-id"] == "cap-1")
    }

    @Test func `a declined capture inside a 201 is a decline`() async throws {
        let more = #","processor_response":{"response_code":"5120","avs_code":"A","payment_advice_code":"24"}"#
        let (outcome, _) = try await capture(.json(201, Self.order("COMPLETED", capture: "DECLINED", more: more)))
        guard case .declined(let decline) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(decline.processor.responseCode == "5120")
        #expect(decline.advice == .retryAfter(.seconds(3600)))
        #expect(decline.status == 201)
    }

    @Test func `a pending capture is waited for`() async throws {
        let more = #","status_details":{"reason":"ECHECK"}"#
        let (outcome, _) = try await capture(.json(201, Self.order("COMPLETED", capture: "PENDING", more: more)))
        guard case .pending(let payment) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(payment.capture.statusReason == "ECHECK")
    }

    @Test(arguments: [
        "INSTRUMENT_DECLINED", "PAYER_CANNOT_PAY", "TRANSACTION_REFUSED", "COMPLIANCE_VIOLATION", "CARD_EXPIRED",
        "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED", "TRANSACTION_BLOCKED_BY_PAYEE",
    ])
    func `a refusal of the bank is a decline`(issue: String) async throws {
        let (outcome, asked) = try await capture(.refusal(422, "UNPROCESSABLE_ENTITY", issue))
        guard case .declined(let decline) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(decline.issue == issue)
        #expect(decline.isRecoverable == (issue == "INSTRUMENT_DECLINED"))
        #expect(asked.count == 1)
    }

    @Test(arguments: ["INVALID_VAULT_ID", "TOKEN_EXPIRED", "TOKEN_ID_NOT_FOUND", "NOT_ELIGIBLE_FOR_TOKEN_PROCESSING"])
    func `a vault token that is gone is not tried again`(issue: String) async throws {
        let (outcome, _) = try await capture(.refusal(422, "UNPROCESSABLE_ENTITY", issue))
        guard case .declined(let decline) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(decline.advice == .never)
    }

    @Test(arguments: ["ORDER_NOT_APPROVED", "DUPLICATE_INVOICE_ID", "CURRENCY_NOT_SUPPORTED"])
    func `a refusal of the request is no decline`(issue: String) async throws {
        let (outcome, _) = try await capture(.refusal(422, "UNPROCESSABLE_ENTITY", issue))
        guard case .rejected(let rejection) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(rejection.issue == issue)
    }

    @Test(arguments: ["ORDER_ALREADY_CAPTURED", "AUTO_CAPTURE_ENABLED"])
    func `what was captured before is looked at`(issue: String) async throws {
        let (outcome, asked) = try await capture(
            .refusal(422, "UNPROCESSABLE_ENTITY", issue),
            then: .json(200, Self.order("COMPLETED", capture: "COMPLETED"))
        )
        guard case .captured(let payment) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(payment.isReplay)
        #expect(asked.map(\.line) == [path, "GET /v2/checkout/orders/ORD1"])
    }

    @Test(arguments: [
        ScriptedPayPal.Answer.silence, .html(502),
        .refusal(422, "UNPROCESSABLE_ENTITY", "ORDER_COMPLETION_IN_PROGRESS"),
    ])
    func `after a time-out or an error the order tells`(answer: ScriptedPayPal.Answer) async throws {
        let patience = Duration.seconds(answer.never ? 2 : 20)
        let (captured, _) = try await capture(
            answer,
            then: .json(200, Self.order("COMPLETED", capture: "COMPLETED")),
            timeout: patience
        )
        guard case .captured = captured else {
            Issue.record("\(captured)")
            return
        }
        let (unknown, _) = try await capture(
            answer,
            then: .json(200, Self.order("APPROVED", capture: nil)),
            timeout: patience
        )
        guard case .unknown = unknown else {
            Issue.record("\(unknown)")
            return
        }
    }

    @Test func `an answer of few words is completed by a look`() async throws {
        let (outcome, asked) = try await capture(
            .json(201, #"{"id":"ORD1","status":"COMPLETED","links":[]}"#),
            then: .json(200, Self.order("COMPLETED", capture: "COMPLETED"))
        )
        guard case .captured = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(asked.count == 2)
    }
}

@Suite struct `Charging a vault token` {
    let terms = VaultCharge.Terms(
        method: .paypal,
        vaultToken: "8kk8451t",
        amount: Money("29.00", "USD")!,
        merchant: "MERCHANT1",
        description: "Pro, monthly",
        customID: "sub-1:2:0:0",
        invoiceID: "sub-1"
    )

    func charge(_ answer: ScriptedPayPal.Answer) async throws -> (PaymentOutcome, [ScriptedPayPal.Asked]) {
        let charge = VaultCharge(merchant: "MERCHANT1", requestID: "rn:1", body: VaultCharge.body(terms))
        return try await ScriptedPayPal.run { payPal, client in
            payPal.answers("POST /v2/checkout/orders", answer)
            let outcome = await client.charge(charge)
            return (outcome, payPal.asked)
        }
    }

    @Test func `sends the frozen bytes under the frozen id`() async throws {
        let answer = ScriptedPayPal.Answer.json(201, `Taking money`.order("COMPLETED", capture: "COMPLETED"))
        let (outcome, asked) = try await charge(answer)
        guard case .captured = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(asked.count == 1)
        #expect(asked[0].body == String(decoding: VaultCharge.body(terms), as: UTF8.self))
        #expect(asked[0].headers["paypal-request-id"] == "rn:1")
        #expect(VaultCharge.body(terms) == VaultCharge.body(terms))
    }

    @Test(arguments: VaultCharge.Method.allCases) func `tells banks what each method wants to hear`(
        method: VaultCharge.Method
    ) {
        var terms = terms
        terms.method = method
        let source = JSON(parsing: VaultCharge.body(terms))?["payment_source"][method.rawValue] ?? .null
        #expect(source["vault_id"].string == "8kk8451t")
        let credential = source["stored_credential"]
        switch method {
        case .card, .applePay:
            #expect(credential["payment_type"].string == "RECURRING")
            #expect(credential["usage"].string == "SUBSEQUENT")
            #expect(credential["usage_pattern"].isNull)
        case .paypal:
            #expect(credential["payment_type"].isNull)
            #expect(credential["usage_pattern"].string == "SUBSCRIPTION_PREPAID")
        case .venmo:
            #expect(credential.isNull)
        }
    }

    @Test func `a replay of another payment proves nothing of ours`() async throws {
        for other in [
            `Taking money`.order("COMPLETED", capture: "COMPLETED", amount: "5.00"),
            `Taking money`.order("COMPLETED", capture: "COMPLETED").replacing("sub-1", with: "sub-7"),
        ] {
            let (outcome, _) = try await charge(.json(200, other))
            guard case .unknown(let outage) = outcome else {
                Issue.record("\(outcome)")
                continue
            }
            #expect(outage.reason == .differentOrder)
        }
    }

    @Test func `a duplicate invoice is an answer of its own`() async throws {
        let (outcome, _) = try await charge(.refusal(422, "UNPROCESSABLE_ENTITY", "DUPLICATE_INVOICE_ID"))
        guard case .rejected(let rejection) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(rejection.has("DUPLICATE_INVOICE_ID"))
    }

    @Test(arguments: [
        // A word of PayPal's that is newer than we are, or none, and no capture.
        (201, `Taking money`.order("PROCESSING", capture: nil)), (201, `Taking money`.order("", capture: nil)),
        // What was asked before, and is not through.
        (200, `Taking money`.order("CREATED", capture: nil)), (200, `Taking money`.order("APPROVED", capture: nil)),
        (201, `Taking money`.order("COMPLETED", capture: "SOMETHING_NEW")),
        // Nothing to compare with: it need not be another one.
        (201, #"{"id":"ORD1","status":"COMPLETED"}"#), (201, #"{"id":"ORD1"}"#),
        (201, #"{"id":"ORD1","status":"COMPLETED","purchase_units":[{"amount":{"value":"1e400"}}]}"#),
        (201, "<html>"), (201, ""), (201, "[1]"), (201, #"{"id":7}"#),
    ])
    func `an answer that says too little is neither a payment nor a decline`(status: Int, body: String) async throws {
        let (outcome, _) = try await charge(.json(status, body))
        guard case .unknown(let outage) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(outage.reason != .differentOrder)
    }

    @Test(arguments: [400, 403, 404, 422]) func `what a gateway refuses PayPal has not refused`(status: Int)
        async throws
    {
        for answer in [ScriptedPayPal.Answer.html(status), .json(status, ""), .json(status, "null")] {
            let (outcome, _) = try await charge(answer)
            guard case .unknown = outcome else {
                Issue.record("\(outcome)")
                return
            }
        }
    }

    @Test(arguments: [500, 502, 503]) func `a PayPal outage is no decline`(status: Int) async throws {
        let (outcome, asked) = try await charge(.html(status))
        guard case .unknown = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(asked.count == 1, "nothing is sent twice on its own")
    }

    @Test(
        arguments: [("02", "5120"), ("03", "0000"), ("21", nil), (nil, "9520"), (nil, "5120")] as [(String?, String?)]
    )
    func `networks say whether to try again`(advice: String?, code: String?) {
        let said = Decline.advice(of: ProcessorAnswer(responseCode: code, adviceCode: advice))
        switch (advice, code) {
        case ("02", _): #expect(said == .retryAfter(.seconds(72 * 3600)))
        case ("03", _), ("21", _), (_, "9520"): #expect(said == .never)
        default: #expect(said == .retry)
        }
    }
}
