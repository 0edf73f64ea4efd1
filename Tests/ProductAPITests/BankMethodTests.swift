import Domain
import Foundation
import NIOHTTP1
import Postgres
import ProductAPIRoutes
import SandboxKit
import SandboxPages
import Store
import TestKit
import Testing

@Suite(.database(.gatehouse)) struct `Bank methods of Europe` {
    static let good: [(String, String, String)] = [
        ("bancontact", "BE", "EUR"), ("blik", "PL", "PLN"), ("eps", "AT", "EUR"), ("ideal", "NL", "EUR"),
        ("p24", "PL", "PLN"), ("trustly", "NL", "EUR"),
    ]

    /// Each country once, and each currency.
    static let trustly: [(String, String)] = [
        ("SE", "SEK"), ("DK", "DKK"), ("NO", "NOK"), ("GB", "GBP"), ("FI", "EUR"), ("EE", "EUR"), ("LV", "EUR"),
        ("LT", "EUR"), ("NL", "EUR"), ("DE", "EUR"), ("AT", "EUR"), ("ES", "EUR"), ("BG", "EUR"), ("CZ", "EUR"),
        ("SK", "EUR"),
    ]

    static func order(_ method: String, _ country: String, _ currency: String, name: String = "Jan Kowalski") -> String
    {
        let instruction = method == "trustly" ? #""processing_instruction": "ORDER_COMPLETE_ON_PAYMENT_APPROVAL","# : ""
        return #"""
            {"data": {"intent": "CAPTURE", \#(instruction)
            "purchase_units": [{"amount": {"currency_code": "\#(currency)", "value": "40.00"}}],
            "payment_source": {"\#(method)": {"country_code": "\#(country)", "name": "\#(name)", "email": "buyer@example.com"}}}}
            """#
    }

    @Test(arguments: good)
    func `row of the table is taken in each of its countries and currencies`(
        method: String,
        country: String,
        currency: String
    ) async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            for (country, currency) in method == "trustly" ? Self.trustly : [(country, currency)] {
                let answer = try await api.createOrder(merchant, Self.order(method, country, currency))
                #expect(answer.status == 201, "\(method): \(answer.text)")
                #expect(answer.link("payer-action") != nil, "\(method)")
            }
        }
    }

    @Test func `a wrong country, a missing name, a wrong currency are 422 before PayPal is asked`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            for (method, country, currency) in Self.good {
                for bad in [
                    Self.order(method, "US", currency), Self.order(method, country, currency, name: ""),
                    Self.order(method, country, "USD"),
                ] {
                    let answer = try await api.createOrder(merchant, bad)
                    #expect(answer.isEnvelope(422), "\(method): \(answer.text)")
                    #expect(answer.json["errors"]?[0]?.text?.isEmpty == false)
                }
            }
            #expect(try await api.requests("orders.create").isEmpty)
        }
    }

    @Test func `Przelewy24 takes no digits in the name, Trustly needs its instruction`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let digits = Self.order("p24", "PL", "PLN", name: "P24 Tester")
            #expect(try await api.createOrder(merchant, digits).isEnvelope(422))
            let bare = Self.order("trustly", "NL", "EUR").replacing(
                #""processing_instruction": "ORDER_COMPLETE_ON_PAYMENT_APPROVAL","#,
                with: ""
            )
            #expect(try await api.createOrder(merchant, bare).isEnvelope(422))
        }
    }

    @Test func `Trustly completes with the approval, and the order says so`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let order = try await api.createOrder(merchant, Self.order("trustly", "NL", "EUR"))
            try await api.approve(order: order.id, "{}")
            let looked = try await api.call(.GET, "/orders/\(order.id)", bearer: merchant.bearer)
            #expect(looked.statusText == "COMPLETED")
            let captured = try await api.call(.POST, "/orders/\(order.id)/capture", bearer: merchant.bearer)
            #expect(captured.status == 200 && captured.statusText == "COMPLETED")
        }
    }

    @Test func `none of them starts a subscription`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            for (method, country, _) in Self.good {
                let body = RunningAPI.subscription(
                    "paypal",
                    more:
                        #", "payment_source": {"\#(method)": {"country_code": "\#(country)", "name": "Jan Kowalski"}}"#
                )
                let answer = try await api.call(.POST, "/subscriptions", body, bearer: merchant.bearer)
                #expect(answer.status == 422, "\(method): \(answer.text)")
                let named = try await api.call(
                    .POST,
                    "/subscriptions",
                    RunningAPI.subscription(method),
                    bearer: merchant.bearer
                )
                #expect(named.isEnvelope(422), "\(method): \(named.text)")
            }
        }
    }
}
