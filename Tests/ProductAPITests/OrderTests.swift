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

@Suite(.database(.gatehouse)) struct `One-off orders` {
    @Test func `POST orders is 201 with an approve link, and the merchant is the payee whatever was written`()
        async throws
    {
        try await withAPI { api in
            let merchant = try await api.connect()
            let body = #"""
                {"data": {"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "USD", "value": "49.00"},
                "payee": {"merchant_id": "SANDBXMERCH22"}, "custom_id": "\#(String(repeating: "x", count: 200))"}]}}
                """#
            let answer = try await api.createOrder(merchant, body)
            #expect(answer.status == 201)
            #expect(answer.statusText == "CREATED")
            #expect(answer.link("approve") != nil)
            #expect(answer.json["purchase_units"]?[0]?.at("payee", "merchant_id")?.text == merchant.id)
            #expect(answer.json["purchase_units"]?[0]?["custom_id"]?.text?.count == 127)
            #expect(answer.headers["paypal-debug-id"].first?.isEmpty == false)
            let kept = try await api.store.read { try $0.payPalOrder(answer.id) }
            #expect(kept?.amount == Money(minorUnits: 4900, currency: "USD"))
        }
    }

    @Test(arguments: [
        ("{}", "data"), (#"{"data": {"purchase_units": []}}"#, "data.intent"),
        (#"{"data": {"intent": "CAPTURE"}}"#, "data.purchase_units"),
        (#"{"data": {"intent": "SELL", "purchase_units": [{}]}}"#, "data.purchase_units.0.amount.currency_code"),
        (
            #"{"data": {"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "USD", "value": 49}}]}}"#,
            "data.purchase_units.0.amount.value"
        ),
        (
            #"{"data": {"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "JPY", "value": "4.5"}}]}}"#,
            "data.purchase_units.0.amount.value"
        ),
        (
            #"{"data": {"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "USD", "value": "-4"}}]}}"#,
            "data.purchase_units.0.amount.value"
        ),
    ])
    func `a field that is missing or bad is named before PayPal is asked`(body: String, field: String) async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            #expect(try await api.createOrder(merchant, body).complains(of: field))
            #expect(try await api.requests("orders.create").isEmpty)
        }
    }

    @Test func `return addresses default to the site, and stay out where the method has its own`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let plain = try await api.createOrder(merchant)
            #expect(plain.status == 201)
            let own = RunningAPI.order(
                more: #"""
                    , "payment_source": {"paypal": {"experience_context": {"return_url": "https://merchant.example/back",
                    "cancel_url": "https://merchant.example/no"}}}
                    """#
            )
            let answer = try await api.createOrder(merchant, own)
            #expect(answer.status == 201, "\(answer.text)")
        }
    }

    @Test func `GET orders shows PayPal's order, and 404 for none`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let order = try await api.createOrder(merchant)
            let answer = try await api.call(.GET, "/orders/\(order.id)", bearer: merchant.bearer)
            #expect(answer.id == order.id && answer.statusText == "CREATED")
            #expect(try await api.call(.GET, "/orders/63U60712PF952305N", bearer: merchant.bearer).isEnvelope(404))
            #expect(try await api.call(.GET, "/orders/..%2F..", bearer: merchant.bearer).status == 404)
        }
    }

    @Test func `POST orders capture takes the money once however often it is asked`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let (order, capture) = try await api.paidOrder(merchant)
            for _ in 0..<3 {
                let again = try await api.call(.POST, "/orders/\(order)/capture", bearer: merchant.bearer)
                #expect(again.status == 200)
                #expect(again.statusText == "COMPLETED")
                #expect(again.captureID == capture)
            }
            #expect(try await api.ledger().count == 1)
            let kept = try await api.store.read { (try $0.payPalCapture(capture), try $0.payPalOrder(order)) }
            #expect(kept.0?.status == .completed)
            #expect(kept.1?.status == "COMPLETED")
            #expect(kept.1?.capturingSince == nil)
        }
    }

    @Test func `row PAYER_ACTION_REQUIRED before the approval is 503 without PayPal's words`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let order = try await api.createOrder(merchant)
            let early = try await api.call(.POST, "/orders/\(order.id)/capture", bearer: merchant.bearer)
            #expect(early.isEnvelope(503))
            #expect(early.error == "Upstream PayPal error")
            #expect(early.headers["paypal-debug-id"].first?.isEmpty == false)
            let kept = try await api.store.read { try $0.payPalOrder(order.id) }
            #expect(kept?.capturingSince == nil)
        }
    }

    @Test func `row ORDER_ALREADY_CAPTURED is treated as success`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let order = try await api.createOrder(merchant)
            try await api.approve(order: order.id)
            let elsewhere = try await api.payPal.call(
                .POST,
                "/v2/checkout/orders/\(order.id)/capture",
                "{}",
                for: merchant.id
            )
            #expect(elsewhere.status == 201)
            let answer = try await api.call(.POST, "/orders/\(order.id)/capture", bearer: merchant.bearer)
            #expect(answer.status == 200 && answer.statusText == "COMPLETED")
            #expect(try await api.ledger().count == 1)
        }
    }

    @Test(arguments: ["timeout_after", "reset_after", "error"])
    func `a capture whose answer is lost is looked up and told as it was`(fault: String) async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let order = try await api.createOrder(merchant)
            try await api.approve(order: order.id)
            try await api.fault(
                #"{"fault": "\#(fault)", "call": "orders.capture", "count": 1, "seconds": 1, "after": true, "body": "html"}"#
            )
            let answer = try await api.call(.POST, "/orders/\(order.id)/capture", bearer: merchant.bearer)
            #expect(answer.status == 200 && answer.statusText == "COMPLETED")
            #expect(try await api.ledger().count == 1)
        }
    }

    @Test func `a capture that nobody can tell is 503, marked, and settled by the job`() async throws {
        let clock = MovedClock()
        try await withAPI(now: { clock.now }) { api in
            let merchant = try await api.connect()
            let order = try await api.createOrder(merchant)
            try await api.approve(order: order.id)
            try await api.fault(#"{"fault": "reset_after", "call": "orders.capture", "count": 1}"#)
            try await api.fault(#"{"fault": "error", "call": "orders.get", "count": 1}"#)
            let answer = try await api.call(.POST, "/orders/\(order.id)/capture", bearer: merchant.bearer)
            #expect(answer.isEnvelope(503))
            let marked = try await api.store.read { try $0.payPalOrder(order.id) }
            #expect(marked?.capturingSince != nil)
            clock.move(by: 600)
            try await api.run(SettleCaptures())
            let settled = try await api.store.read { try $0.payPalOrder(order.id) }
            #expect(settled?.capturingSince == nil && settled?.status == "COMPLETED")
            let captures = try await api.store.read { try $0.payPalCaptures(ofOrder: order.id) }
            #expect(captures.map(\.status) == [.completed])
            #expect(try await api.ledger().count == 1)
        }
    }

    @Test(arguments: [("capture_declined", "DECLINED"), ("capture_pending", "PENDING")])
    func `an order that completed without the money is not called completed`(fault: String, shown: String) async throws
    {
        try await withAPI { api in
            let merchant = try await api.connect()
            let order = try await api.createOrder(merchant)
            try await api.approve(order: order.id)
            try await api.fault(#"{"fault": "\#(fault)", "call": "orders.capture", "count": 1}"#)
            let answer = try await api.call(.POST, "/orders/\(order.id)/capture", bearer: merchant.bearer)
            #expect(answer.status == 200)
            #expect(answer.statusText == shown)
            let looked = try await api.call(.GET, "/orders/\(order.id)", bearer: merchant.bearer)
            #expect(looked.statusText == shown)
        }
    }

    @Test func `a decline of the buyer's bank is 503 and takes nothing`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let order = try await api.createOrder(merchant)
            try await api.approve(order: order.id)
            try await api.fault(#"{"fault": "decline", "call": "orders.capture", "count": 1}"#)
            let answer = try await api.call(.POST, "/orders/\(order.id)/capture", bearer: merchant.bearer)
            #expect(answer.isEnvelope(503))
            #expect(!answer.text.contains("INSTRUMENT_DECLINED"))
            #expect(try await api.ledger().isEmpty)
        }
    }

    @Test func `the client metadata id goes to PayPal if it is one, and is dropped if not`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let cmi = "0b7c1f0e-7a53-4d35-8f3f-0c0a7f7a9c11"
            for sent in [" \(cmi) ", "not a uuid!", String(repeating: "a", count: 65)] {
                let answer = try await api.call(
                    .POST,
                    "/orders",
                    RunningAPI.order(),
                    bearer: merchant.bearer,
                    headers: ["PayPal-Client-Metadata-Id": sent]
                )
                #expect(answer.status == 201)
            }
            let seen = try await api.requests("orders.create").map { $0["client_metadata_id"]?.text }
            #expect(seen == [cmi, nil, nil])
        }
    }

    @Test func `a NUL, which no database of ours holds, is refused before PayPal is asked`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            for body in [
                RunningAPI.order().replacing("local-42", with: #"local\u0000-42"#),
                RunningAPI.order(more: #", "na\u0000me": 1"#),
            ] {
                #expect(try await api.createOrder(merchant, body).isEnvelope(422))
            }
            #expect(try await api.requests("orders.create").isEmpty)
        }
    }

    @Test func `a custom_id is cut to what PayPal counts as 127`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            // One to look at, three to count.
            let long = String(repeating: "e\u{301}\u{302}", count: 100)
            let body = RunningAPI.order().replacing("local-42", with: long)
            let answer = try await api.createOrder(merchant, body)
            #expect(answer.status == 201, "\(answer.text)")
            let kept = try await api.store.read { try $0.payPalOrder(answer.id) }
            let sent = try #require(kept?.customID)
            #expect(sent.utf16.count <= 127 && long.hasPrefix(sent) && !sent.isEmpty)
        }
    }

    @Test func `a stored payment method can't be charged by an order`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            for source in [
                #"{"paypal": {"vault_id": "8kk8451t"}}"#, #"{"token": {"id": "x", "type": "BILLING_AGREEMENT"}}"#,
            ] {
                let answer = try await api.createOrder(
                    merchant,
                    RunningAPI.order(more: #", "payment_source": \#(source)"#)
                )
                #expect(answer.isEnvelope(422))
            }
            #expect(try await api.requests("orders.create").isEmpty)
        }
    }
}

@Suite(.database(.gatehouse)) struct `The same request again` {
    @Test func `the same PayPal-Request-Id gives the first answer, and goes to PayPal as it came`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let first = try await api.createOrder(merchant, key: "order-42-create")
            let again = try await api.createOrder(merchant, key: "order-42-create")
            #expect(first.status == 201 && again.status == 201)
            #expect(first.text == again.text)
            let asked = try await api.requests("orders.create")
            #expect(asked.map { $0["request_id"]?.text } == ["order-42-create"])
        }
    }

    @Test func `without an id each request is new, under an id of our own`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let (one, two) = (try await api.createOrder(merchant), try await api.createOrder(merchant))
            #expect(one.id != two.id)
            let ids = try await api.requests("orders.create").compactMap { $0["request_id"]?.text }
            #expect(Set(ids).count == 2)
        }
    }

    @Test func `the same id with other parameters is 422`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            _ = try await api.createOrder(merchant, key: "k")
            #expect(try await api.createOrder(merchant, RunningAPI.order("50.00"), key: "k").isEnvelope(422))
        }
    }

    @Test func `another merchant's id is no road to its order`() async throws {
        try await withAPI { api in
            let (one, two) = (try await api.connect(), try await api.connect("MERCHANTBBB22"))
            let first = try await api.createOrder(one, key: "shared")
            let second = try await api.createOrder(two, key: "shared")
            #expect(second.status == 201 || second.isEnvelope(422))
            #expect(second.id != first.id)
            #expect(!second.text.contains(first.id))
        }
    }

    @Test func `many at once with one id make one order and one capture`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let ids = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<6 { group.addTask { try await api.createOrder(merchant, key: "k").id } }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
            let order = try #require(ids.first)
            try await api.approve(order: order)
            let captures = try await withThrowingTaskGroup(of: Answer.self) { group in
                for number in 0..<6 {
                    group.addTask {
                        try await api.call(
                            .POST,
                            "/orders/\(order)/capture",
                            bearer: merchant.bearer,
                            headers: ["PayPal-Request-Id": "capture-\(number % 2)"]
                        )
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(captures.contains { $0.status == 200 })
            #expect(captures.allSatisfy { $0.status == 200 || $0.isEnvelope(503) })
            #expect(try await api.ledger().count == 1)
        }
    }

    @Test func `a failure that did nothing frees the id`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            try await api.fault(#"{"fault": "rate_limit", "call": "orders.create", "count": 1, "retry_after": 7}"#)
            let refused = try await api.createOrder(merchant, key: "k")
            #expect(refused.isEnvelope(503))
            #expect(refused.headers.first(name: "retry-after") == "7")
            #expect(try await api.createOrder(merchant, RunningAPI.order("50.00"), key: "k").status == 201)
        }
    }

    @Test func `an id whose answer was lost asks PayPal for the same thing again`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            try await api.fault(#"{"fault": "reset_after", "call": "orders.create", "count": 1}"#)
            #expect(try await api.createOrder(merchant, key: "k").isEnvelope(503))
            let again = try await api.createOrder(merchant, key: "k")
            #expect(again.status == 201)
            #expect(try await api.createOrder(merchant, RunningAPI.order("50.00"), key: "k").isEnvelope(422))
        }
    }

    @Test func `kept answers are sealed`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let order = try await api.createOrder(merchant, key: "k")
            let database = try #require(TestDatabase.current)
            let bodies = try await database.pool.read { tx in
                try tx.rows("SELECT body FROM merchant_requests WHERE body IS NOT NULL").decode([UInt8].self)
            }
            #expect(bodies.count == 1)
            #expect(!String(decoding: bodies.joined(), as: UTF8.self).contains(order.id))
        }
    }
}
