import NIOHTTP1
import SandboxKit
import SandboxPages
import Testing

@Suite struct `Pages of the pretended PayPal` {
    @Test func `a buyer pays on the page and is sent back to the shop`() async throws {
        try await withPayPal { paypal in
            let context =
                #","application_context":{"return_url":"https://shop.example.com/ok?n=1","cancel_url":"https://shop.example.com/no"}"#
            let order = try await paypal.call(.POST, "/v2/checkout/orders", Body.order("49.00", more: context))
            let page = try #require(order.link("approve"))
            let shown = try await paypal.ask(.GET, page)
            #expect(shown.status == 200)
            #expect(shown.text.contains("49.00 USD"))
            #expect(shown.text.contains("Pay Sample Store"))

            let left = try await paypal.ask(.POST, page, "token=\(order.id)&action=cancel")
            #expect(left.headers.first(name: "Location") == "https://shop.example.com/no?token=\(order.id)")
            let agreed = try await paypal.ask(.POST, page, "token=\(order.id)&action=approve")
            #expect(agreed.status == 303)
            #expect(
                agreed.headers.first(name: "Location")
                    == "https://shop.example.com/ok?n=1&token=\(order.id)&PayerID=SANDBXBUYER22"
            )
            #expect(try await paypal.capture(order.id).json["status"]?.text == "COMPLETED")
            #expect(try await paypal.ask(.GET, page).text.contains("nothing to agree to"))
            #expect(try await paypal.ask(.POST, page, "token=\(order.id)&action=approve").status == 404)
        }
    }

    @Test func `who pays at the bank comes back without a PayPal account`() async throws {
        try await withPayPal { paypal in
            let bank =
                #","payment_source":{"ideal":{"country_code":"NL","name":"Jan Jansen","experience_context":{"return_url":"https://shop.example.com/ok","cancel_url":"https://shop.example.com/no"}}}"#
            let order = try await paypal.call(.POST, "/v2/checkout/orders", Body.order("10.00", "EUR", more: bank))
            let page = try #require(order.link("payer-action"))
            let agreed = try await paypal.ask(.POST, page, "token=\(order.id)&action=approve")
            #expect(agreed.headers.first(name: "Location") == "https://shop.example.com/ok?token=\(order.id)")
        }
    }

    @Test func `a card that the shop's fields took is vaulted with the purchase`() async throws {
        try await withPayPal { paypal in
            let card = #","payment_source":{"card":{"attributes":{"vault":{"store_in_vault":"ON_SUCCESS"}}}}"#
            let order = try await paypal.approvedOrder(Body.order(more: card))
            let captured = try await paypal.capture(order)
            let source = captured.json.at("payment_source", "card")
            #expect(source?.at("attributes", "vault", "status")?.text == "VAULTED")
            let token = source?.at("attributes", "vault", "id")?.text ?? ""
            let renewal = Body.order("9.99", more: #","payment_source":{"card":{"vault_id":"\#(token)"}}"#)
            let paid = try await paypal.call(.POST, "/v2/checkout/orders", renewal, requestID: "renewal-1")
            #expect(paid.json["status"]?.text == "COMPLETED")
            #expect(paypal.sandbox.money.map(\.vaultID) == [nil, token])
        }
    }

    @Test func `a merchant agrees, and is found once PayPal is ready`() async throws {
        var settings = PayPalHabits()
        settings.provisioningSeconds = 30
        try await withPayPal(settings: settings) { paypal in
            let body =
                #"{"tracking_id":"secret-1","operations":[{"operation":"API_INTEGRATION"}],"products":["PPCP"],"partner_config_override":{"return_url":"https://shop.example.com/"}}"#
            let referral = try await paypal.call(.POST, "/v2/customer/partner-referrals", body)
            let page = try #require(referral.link("action_url"))
            let token = page.split(separator: "=").last ?? ""
            #expect(try await paypal.ask(.GET, page).status == 200)
            let agreed = try await paypal.ask(.POST, page, "token=\(token)&action=approve&merchant_id=FRESHMERCHNT2")
            let back = agreed.headers.first(name: "Location") ?? ""
            #expect(back.hasPrefix("https://shop.example.com/?merchantId=secret-1&merchantIdInPayPal=FRESHMERCHNT2&"))

            let path = "/v1/customer/partners/\(RunningPayPal.partner)/merchant-integrations?tracking_id=secret-1"
            #expect(try await paypal.call(.GET, path, for: nil).status == 404)
            paypal.sandbox.advance(by: 30)
            let found = try await paypal.call(.GET, path, for: nil)
            #expect(found.json["merchant_id"]?.text == "FRESHMERCHNT2")
        }
    }
}
