import Foundation
import NIOHTTP1
import SandboxKit
import SandboxPages

/// Calls each route of the pretended PayPal in each way that has an answer of its own.
extension RunningPayPal {
    func playEverything(on tape: Tape) async throws {
        let player = Player(paypal: self, tape: tape)
        try await player.webhooks()
        try await player.onboarding()
        try await player.orders()
        try await player.otherSources()
        try await player.refunds()
        try await player.vault()
        try await player.domains()
        try await player.trouble()
        try await player.events()
        try await player.reporting()
    }
}

private struct Player {
    let paypal: RunningPayPal
    let tape: Tape

    @discardableResult
    func call(
        _ method: HTTPMethod,
        _ path: String,
        _ body: String? = nil,
        for merchant: String? = RunningPayPal.merchant,
        id: String? = nil,
        headers: HTTPHeaders = [:]
    ) async throws -> RunningPayPal.Answer {
        let answer = try await paypal.call(method, path, body, for: merchant, requestID: id, headers: headers)
        if answer.headers.first(name: "Content-Type")?.hasPrefix("application/json") == true || answer.text.isEmpty {
            await tape.add(method, path, answer)
        }
        return answer
    }

    private let orderPath = "/v2/checkout/orders"

    // MARK: Webhooks, merchants

    func webhooks() async throws {
        let path = "/v1/notifications/webhooks"
        let body = #"{"url":"https://shop.example.com/hook","event_types":[{"name":"PAYMENT.CAPTURE.COMPLETED"}]}"#
        let made = try await call(.POST, path, body)
        try await call(.POST, path, body)
        try await call(.POST, path, #"{"url":"nowhere","event_types":[]}"#)
        try await call(.GET, path)
        try await call(.GET, "\(path)/\(made.id)")
        try await call(.GET, "\(path)/\(made.id)/event-types")
        try await call(.GET, path + "-event-types")
        try await call(
            .PATCH,
            "\(path)/\(made.id)",
            #"[{"op":"replace","path":"/event_types","value":[{"name":"*"}]}]"#
        )
        try await call(.DELETE, "\(path)/\(made.id)")
        try await call(.GET, "\(path)/\(made.id)")
        try await call(.POST, "/v1/notifications/verify-webhook-signature", "{}")
        _ = try await paypal.ask(.GET, "/v1/notifications/certs/CERT-0")
    }

    func onboarding() async throws {
        let path = "/v2/customer/partner-referrals"
        try await call(.POST, path, #"{"operations":[]}"#)
        let body =
            #"{"tracking_id":"shop-secret-1","operations":[{"operation":"API_INTEGRATION"}],"products":["PPCP"],"legal_consents":[{"type":"SHARE_DATA_CONSENT","granted":true}],"partner_config_override":{"return_url":"https://shop.example.com/back"}}"#
        let made = try await call(.POST, path, body)
        let token = made.link("self")?.split(separator: "/").last.map(String.init) ?? ""
        try await call(.GET, "\(path)/\(token)")
        let refused = try await paypal.ask(.POST, path, body)
        await tape.add(.POST, path, refused)
        _ = try await paypal.ask(.POST, "/_sandbox/referrals/\(token)/approve", #"{"merchant_id":"FRESHMERCHNT2"}"#)
        let integrations = "/v1/customer/partners/\(RunningPayPal.partner)/merchant-integrations"
        try await call(.GET, integrations + "?tracking_id=shop-secret-1")
        try await call(.GET, integrations + "?tracking_id=nobodys")
        try await call(.GET, integrations + "/FRESHMERCHNT2")
        try await call(.GET, integrations + "/NEVERHEARDQF2")
        _ = try await paypal.ask(.POST, "/_sandbox/merchants/FRESHMERCHNT2/revoke")
        try await call(.POST, "/v1/identity/generate-token", "{}")
    }

    // MARK: Orders

    func orders() async throws {
        let unit =
            #","invoice_id":"inv-1","custom_id":"custom-1","description":"A course","payment_instruction":{"platform_fees":[{"amount":{"currency_code":"USD","value":"0.50"}}]},"items":[{"name":"Course","quantity":2,"unit_amount":{"currency_code":"USD","value":"5.00"}}]"#
        let whole =
            #"{"intent":"CAPTURE","purchase_units":[{"amount":{"currency_code":"usd","value":"10","breakdown":{"item_total":{"currency_code":"USD","value":"10.0"}}}\#(unit)}]}"#
        for prefer in ["return=representation", "return=minimal"] {
            let id = "once-" + prefer
            let made = try await call(.POST, orderPath, whole, id: id, headers: ["Prefer": prefer])
            try await call(.POST, orderPath, whole, id: id, headers: ["Prefer": prefer])
            try await call(.POST, "\(orderPath)/\(made.id)/capture", "{}", headers: ["Prefer": prefer])
            try await call(
                .PATCH,
                "\(orderPath)/\(made.id)",
                #"[{"op":"replace","path":"/purchase_units/@reference_id=='default'/custom_id","value":"custom-2"}]"#
            )
            paypal.sandbox.approveOrder(made.id)
            try await call(.GET, "\(orderPath)/\(made.id)")
            try await call(.POST, "\(orderPath)/\(made.id)/capture", "{}", id: id, headers: ["Prefer": prefer])
            try await call(.POST, "\(orderPath)/\(made.id)/capture", "{}", id: id, headers: ["Prefer": prefer])
            try await call(.POST, "\(orderPath)/\(made.id)/capture", "{}")
            try await call(.GET, "\(orderPath)/\(made.id)")
        }
        for body in [
            "{", "{}", #"{"intent":"CAPTURE","purchase_units":[]}"#, Body.order("0.00"), Body.order("1.234"),
            Body.order("1.00", "XXX"), Body.order("1.00", "JPY"), Body.order("-1.00"),
            Body.order(unit: #","payee":{"merchant_id":"NEVERHEARDQF2"}"#),
        ] {
            try await call(.POST, orderPath, body)
        }
        try await call(.GET, orderPath + "/NEVERWAS", for: nil)
        try await call(.POST, orderPath + "/NEVERWAS/capture", "{}")
    }

    func otherSources() async throws {
        let url =
            #""experience_context":{"return_url":"https://shop.example.com/ok","cancel_url":"https://shop.example.com/no"}"#
        let sources = [
            #""paypal":{\#(url),"attributes":{"vault":{"store_in_vault":"ON_SUCCESS","usage_type":"MERCHANT"}}}"#,
            #""venmo":{\#(url)}"#,
            #""ideal":{"country_code":"NL","name":"Jan Jansen"}"#, #""eps":{"country_code":"AT","name":"Anna Huber"}"#,
            #""bancontact":{"country_code":"BE","name":"Marc Peeters"}"#,
            #""blik":{"country_code":"PL","name":"Jan Kowalski","email":"jan@example.com"}"#,
            #""p24":{"country_code":"PL","name":"Jan Kowalski","email":"jan@example.com"}"#,
            #""trustly":{"country_code":"SE","name":"Sven Svensson","email":"sven@example.com"}"#,
        ]
        for source in sources {
            let completes = #","processing_instruction":"ORDER_COMPLETE_ON_PAYMENT_APPROVAL""#
            let made = try await call(
                .POST,
                orderPath,
                Body.order(more: #","payment_source":{\#(source)}\#(source.contains("trustly") ? completes : "")"#)
            )
            try await call(.POST, "\(orderPath)/\(made.id)/capture", "{}")
            paypal.sandbox.approveOrder(made.id)
            try await call(.GET, "\(orderPath)/\(made.id)")
            try await call(.POST, "\(orderPath)/\(made.id)/capture", "{}")
        }
        for (number, name) in [("4111111111111111", "John Doe"), ("4868719196829038", "CCREJECT-REFUSED")] {
            let card =
                #","payment_source":{"card":{"number":"\#(number)","expiry":"2031-12","name":"\#(name)","attributes":{"verification":{"method":"SCA_WHEN_REQUIRED"},"vault":{"store_in_vault":"ON_SUCCESS"}}}}"#
            try await call(.POST, orderPath, Body.order(more: card), id: "card-" + name)
        }
        try await call(
            .POST,
            orderPath,
            Body.order(
                more:
                    #","payment_source":{"trustly":{"country_code":"SE","name":"Sven Svensson","email":"sven@example.com"}}"#
            )
        )
        try await call(
            .POST,
            orderPath,
            Body.order(
                more: #","payment_source":{"p24":{"country_code":"PL","name":"Jan 2","email":"jan@example.com"}}"#
            )
        )
    }

    func refunds() async throws {
        paypal.sandbox.add(PayPalFault(.capturePending, call: "orders.capture", count: 1))
        let pending = try await captured()
        try await call(.GET, "/v2/payments/captures/\(pending)")
        try await call(.POST, "/v2/payments/captures/\(pending)/refund", "{}")
        _ = try await paypal.ask(.POST, "/_sandbox/captures/\(pending)/complete")
        let capture = try await captured()
        let path = "/v2/payments/captures/\(capture)"
        try await call(.GET, path)
        try await call(.GET, path, for: nil)
        let part = try await call(
            .POST,
            path + "/refund",
            #"{"amount":{"currency_code":"USD","value":"1"},"note_to_payer":"Sorry"}"#,
            headers: ["Prefer": "return=minimal"]
        )
        try await call(.GET, "/v2/payments/refunds/\(part.id)")
        try await call(.GET, "/v2/payments/refunds/NEVERWAS")
        paypal.sandbox.add(PayPalFault(.refundPending, count: 1))
        let slow = try await call(.POST, path + "/refund", #"{"amount":{"currency_code":"USD","value":"2.00"}}"#)
        _ = try await paypal.ask(.POST, "/_sandbox/refunds/\(slow.id)/deny")
        for amount in ["100.00", "0.00", "1.001"] {
            try await call(.POST, path + "/refund", #"{"amount":{"currency_code":"USD","value":"\#(amount)"}}"#)
        }
        try await call(.POST, path + "/refund", #"{"amount":{"currency_code":"EUR","value":"1.00"}}"#)
        try await call(.POST, path + "/refund", "{}", id: "all")
        try await call(.POST, path + "/refund", "{}", id: "all")
        try await call(.POST, path + "/refund", "{}")
        try await call(.POST, "/v2/payments/captures/NEVERWAS/refund", "{}")
        let disputed = try await captured()
        for change in ["CREATED", "UPDATED", "RESOLVED"] {
            _ = try await paypal.ask(.POST, "/_sandbox/captures/\(disputed)/dispute", #"{"change":"\#(change)"}"#)
        }
        _ = try await paypal.ask(.POST, "/_sandbox/captures/\(disputed)/reverse")
    }

    private func captured() async throws -> String {
        let order = try await paypal.approvedOrder()
        let answer = try await call(.POST, "\(orderPath)/\(order)/capture", "{}")
        return answer.json["purchase_units"]?[0]?.at("payments", "captures")?[0]?["id"]?.text ?? ""
    }

    // MARK: The vault

    func vault() async throws {
        let setups = "/v3/vault/setup-tokens", tokens = "/v3/vault/payment-tokens"
        let sources = [
            #"{"paypal":{"description":"Monthly","usage_type":"MERCHANT","experience_context":{"return_url":"https://shop.example.com/ok","cancel_url":"https://shop.example.com/no"}}}"#,
            #"{"card":{}}"#, #"{"card":{"number":"4111111111111111","expiry":"2031-12","name":"John Doe"}}"#,
        ]
        for (index, source) in sources.enumerated() {
            let setup = try await call(.POST, setups, #"{"payment_source":\#(source)}"#, id: "setup-\(index)")
            try await call(.POST, setups, #"{"payment_source":\#(source)}"#, id: "setup-\(index)")
            let body = #"{"payment_source":{"token":{"id":"\#(setup.id)","type":"SETUP_TOKEN"}}}"#
            if index == 0 { try await call(.POST, tokens, body) }
            paypal.sandbox.approveSetupToken(setup.id)
            try await call(.GET, "\(setups)/\(setup.id)")
            let token = try await call(.POST, tokens, body, id: "token-\(index)")
            try await call(.POST, tokens, body, id: "token-\(index)")
            try await call(.POST, tokens, body)
            try await call(.GET, "\(tokens)/\(token.id)")
            let customer = token.json.at("customer", "id")?.text ?? ""
            try await call(.GET, "\(tokens)?customer_id=\(customer)&total_required=true")
            let kind = index == 0 ? "paypal" : "card"
            let charge = Body.order(more: #","payment_source":{"\#(kind)":{"vault_id":"\#(token.id)"}}"#)
            try await call(.POST, orderPath, charge, id: "renewal-\(index)")
            try await call(.DELETE, "\(tokens)/\(token.id)")
            try await call(.POST, orderPath, charge, id: "gone-\(index)")
        }
        try await call(.GET, tokens + "/neverwas")
        try await call(.GET, setups + "/NEVERWAS")
        try await call(.POST, orderPath, Body.vaulted("neverwas"), id: "unknown")
        var waiting = PayPalFault(.vaultPending, call: "orders.capture", count: 1)
        waiting.seconds = 0
        paypal.sandbox.add(waiting)
        let wish = #","payment_source":{"paypal":{"attributes":{"vault":{"store_in_vault":"ON_SUCCESS"}}}}"#
        let order = try await paypal.approvedOrder(Body.order(more: wish))
        try await call(.POST, "\(orderPath)/\(order)/capture", "{}")
    }

    func domains() async throws {
        let path = "/v1/customer/wallet-domains"
        let body = #"{"provider_type":"APPLE_PAY","domain":{"name":"shop.example.com"}}"#
        for _ in 0..<2 { _ = try await paypal.call(.POST, path, body) }
        _ = try await paypal.call(.GET, path)
        _ = try await paypal.call(.POST, "/v1/customer/unregister-wallet-domain", body)
    }

    // MARK: Trouble, events, reports

    func trouble() async throws {
        for issue in ["INSTRUMENT_DECLINED", "INTERNAL_SERVER_ERROR", "PERMISSION_DENIED", "PAYER_CANNOT_PAY"] {
            let order = try await paypal.approvedOrder()
            let header = #"{"mock_application_codes":"\#(issue)"}"#
            try await call(
                .POST,
                "\(orderPath)/\(order)/capture",
                "{}",
                headers: ["PayPal-Mock-Response": header]
            )
        }
        var advised = PayPalFault(.captureDeclined, call: "orders.capture", count: 1)
        advised.responseCode = "5120"
        advised.adviceCode = "02"
        paypal.sandbox.add(advised)
        _ = try await captured()
        let troubles: [(PayPalFault.Kind, Int)] = [(.error, 500), (.error, 503), (.rateLimit, 429), (.staleScope, 403)]
        for (fault, status) in troubles {
            var planned = PayPalFault(fault, call: "orders.create", count: 1)
            planned.status = status
            paypal.sandbox.add(planned)
            try await call(.POST, orderPath, Body.order())
        }
        await tape.add(.POST, orderPath, try await paypal.ask(.POST, orderPath, Body.order()))
    }

    func events() async throws {
        let path = "/v1/notifications/webhooks-events"
        let listed = try await call(.GET, path + "?page_size=300")
        for event in listed.json["events"]?.values ?? [] {
            await tape.add(event: String(decoding: event.bytes, as: UTF8.self))
        }
        let id = listed.json["events"]?[0]?["id"]?.text ?? ""
        try await call(.GET, "\(path)/\(id)")
        try await call(.GET, "\(path)/WH-0")
        try await call(.POST, "\(path)/\(id)/resend", "{}")
        try await call(
            .POST,
            "/v1/notifications/simulate-event",
            #"{"event_type":"PAYMENT.CAPTURE.COMPLETED","url":"https://shop.example.com/hook"}"#
        )
    }

    func reporting() async throws {
        let path = "/v1/reporting/transactions"
        paypal.sandbox.advance(by: 4 * 3600)
        let now = paypal.sandbox.clock.now
        let from = now.addingTimeInterval(-86_400).ISO8601Format(), to = now.ISO8601Format()
        let range = "?start_date=\(from)&end_date=\(to)"
        try await call(.GET, path + range)
        try await call(.GET, path + range + "&page_size=2&page=2")
        try await call(.GET, path + range, for: nil)
        try await call(.GET, path + "?start_date=\(to)&end_date=\(to)")
        try await call(.GET, path + "?start_date=2020-01-01T00:00:00Z&end_date=\(to)")
        try await call(.GET, path + "?start_date=never&end_date=\(to)")
    }
}
