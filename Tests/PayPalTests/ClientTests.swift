import Domain
import Foundation
import Logging
import PayPal
import Redis
import Sealing
import Synchronization
import TestKit
import Testing

@Suite struct `Calling PayPal` {
    let order =
        #"{"id":"5O190127TN364715T","status":"CREATED","links":[{"rel":"approve","href":"https://x.example/a"}]}"#

    @Test func `says who we are and for whom we call`() async throws {
        try await ScriptedPayPal.run { payPal, client in
            payPal.answers("POST /v2/checkout/orders", .json(201, order))
            let details = CallDetails(
                requestID: "create-1",
                clientMetadataID: ClientMetadataID(" 7d6b4c5e-1 "),
                mockResponse: #"{"mock_application_codes":"INSTRUMENT_DECLINED"}"#
            )
            let reply = await client.createOrder(["intent": "CAPTURE"], of: "MERCHANT1", details: details)
            #expect(reply.value?.approvalURL == "https://x.example/a")
            #expect(reply.trace.debugID == "f00dfeedc0de1")

            let asked = try #require(payPal.asked.first)
            #expect(asked.body == #"{"intent":"CAPTURE"}"#)
            #expect(asked.headers["authorization"] == "Bearer A21AA1")
            #expect(asked.headers["prefer"] == "return=representation")
            #expect(asked.headers["paypal-partner-attribution-id"] == "Thrive_SP")
            #expect(asked.headers["paypal-request-id"] == "create-1")
            #expect(asked.headers["paypal-client-metadata-id"] == "7d6b4c5e-1")
            #expect(asked.headers["paypal-mock-response"]?.contains("INSTRUMENT_DECLINED") == true)
            let assertion = try #require(asked.headers["paypal-auth-assertion"]).split(
                separator: ".",
                omittingEmptySubsequences: false
            )
            #expect(assertion.count == 3 && assertion[2].isEmpty)
            let claims = String(assertion[1]).replacing("-", with: "+").replacing("_", with: "/")
            let padded = claims + String(repeating: "=", count: (4 - claims.count % 4) % 4)
            let text = String(decoding: try #require(Data(base64Encoded: padded)), as: UTF8.self)
            #expect(text == #"{"iss":"client","payer_id":"MERCHANT1"}"#)
        }
    }

    @Test(arguments: ["", "  ", "a b", "a_b", "ü", "x\r\ny", String(repeating: "a", count: 65)])
    func `drops a client metadata id that PayPal would not take`(text: String) {
        #expect(ClientMetadataID(text) == nil)
    }

    @Test func `an id can't lead to another path`() async throws {
        try await ScriptedPayPal.run { payPal, client in
            for id in ["../../v1/oauth2/token", "a/b?c#d", "..", "x\r\nHost: y"] {
                guard case .rejected = await client.order(id, of: "M") else {
                    Issue.record("not refused")
                    continue
                }
            }
            #expect(payPal.asked.allSatisfy { $0.path.hasPrefix("/v2/checkout/orders/") && $0.query.isEmpty })
        }
    }

    @Test(arguments: [200, 201]) func `takes 200 and 201 alike`(status: Int) async throws {
        try await ScriptedPayPal.run { payPal, client in
            payPal.answers("POST /v2/checkout/orders", .json(status, order))
            let reply = await client.createOrder([:], of: "M")
            #expect(reply.value?.id == "5O190127TN364715T")
            #expect(reply.trace.status == status)
        }
    }

    @Test func `survives HTML and empty bodies`() async throws {
        try await ScriptedPayPal.run { payPal, client in
            payPal.answers("POST /v2/checkout/orders", .html(502), .json(500, ""), .html(200), .json(201, ""))
            for reason in [PayPalOutage.Reason.serverError, .serverError, .unreadableAnswer, .unreadableAnswer] {
                guard case .unknown(let outage) = await client.createOrder([:], of: "M") else {
                    Issue.record("not unknown")
                    continue
                }
                #expect(outage.reason == reason)
            }
            payPal.answers("GET /v2/checkout/orders/X", .html(404), .html(503))
            guard case .rejected(let rejection) = await client.order("X", of: "M") else {
                Issue.record("a 404 is an answer")
                return
            }
            #expect(rejection.reason == "HTTP 404")
            guard case .unavailable = await client.order("X", of: "M") else {
                Issue.record("asking does nothing, so nothing is unknown")
                return
            }
        }
    }

    @Test func `waits as long as PayPal asks`() async throws {
        try await ScriptedPayPal.run { payPal, client in
            payPal.answers(
                "POST /v2/checkout/orders",
                .json(429, #"{"name":"RATE_LIMIT_REACHED"}"#, ["Retry-After": "7"]),
                .json(429, "")
            )
            for pause in [Duration.seconds(7), .seconds(30)] {
                guard case .unavailable(let outage) = await client.createOrder([:], of: "M") else {
                    Issue.record("nothing was done")
                    continue
                }
                #expect(outage.reason == .rateLimited)
                #expect(outage.retryAfter == pause)
            }
        }
    }

    @Test func `logs both debug ids, and no secret`() async throws {
        let log = CapturedLog()
        try await ScriptedPayPal.run(log: log) { payPal, client in
            payPal.answers("POST /v2/checkout/orders", .refusal(422, "UNPROCESSABLE_ENTITY", "CURRENCY_NOT_SUPPORTED"))
            guard case .rejected(let rejection) = await client.createOrder(["secret": "in-the-body"], of: "M") else {
                Issue.record("not refused")
                return
            }
            #expect(rejection.issue == "CURRENCY_NOT_SUPPORTED")
            #expect(rejection.trace.debugID == "f00dfeedc0de1")
            #expect(rejection.trace.bodyDebugID == "b0d7")
        }
        let text = log.text
        #expect(text.contains("f00dfeedc0de1"))
        #expect(text.contains("b0d7"))
        #expect(!text.contains("A21AA"))
        #expect(!text.contains("secret-word"))
        #expect(!text.contains("in-the-body"))
    }

    @Test func `knows PayPal's clock`() async throws {
        try await ScriptedPayPal.run { payPal, client in
            payPal.answers("GET /v2/checkout/orders/X", .json(order))
            let date = try #require(await client.order("X", of: "M").trace.date)
            #expect(abs(date.timeIntervalSinceNow) < 60)
        }
    }

    @Test func `a closed port is no doubt`() async throws {
        let client = PayPalClient(ScriptedPayPal.settings(port: 1), logger: .silent)
        guard case .unavailable(let outage) = await client.createOrder([:], of: "M") else {
            Issue.record("nothing was sent")
            return
        }
        #expect(outage.reason == .unreachable)
    }
}

@Suite struct `PayPal's token` {
    let order = #"{"id":"X","status":"CREATED"}"#

    @Test func `is asked for once, however many wait`() async throws {
        try await ScriptedPayPal.run { payPal, client in
            payPal.answers("GET /v2/checkout/orders/X", .json(order))
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<20 { group.addTask { _ = await client.order("X", of: "M") } }
            }
            #expect(payPal.asked.count == 20)
            #expect(payPal.tokenCalls.count == 1)
            #expect(payPal.tokenCalls[0].body == "grant_type=client_credentials")
        }
    }

    @Test func `is renewed before it ends`() async throws {
        let clock = Mutex(Date.now)
        try await ScriptedPayPal.run(now: { clock.withLock { $0 } }) { payPal, client in
            payPal.answers("GET /v2/checkout/orders/X", .json(order))
            _ = await client.order("X", of: "M")
            clock.withLock { $0 += 32_000 }
            _ = await client.order("X", of: "M")
            #expect(payPal.tokenCalls.count == 1)
            clock.withLock { $0 += 200 }
            _ = await client.order("X", of: "M")
            #expect(payPal.tokenCalls.count == 2)
            #expect(payPal.asked.last?.headers["authorization"] == "Bearer A21AA2")
        }
    }

    @Test(arguments: [401, 403]) func `is renewed once when it is refused`(status: Int) async throws {
        let clock = Mutex(Date.now)
        let refusal = ScriptedPayPal.Answer.refusal(status, status == 401 ? "AUTHENTICATION_FAILURE" : "NOT_AUTHORIZED")
        try await ScriptedPayPal.run(now: { clock.withLock { $0 } }) { payPal, client in
            payPal.answers(
                "POST /v3/vault/setup-tokens",
                .json(201, #"{"id":"S1"}"#),
                refusal,
                .json(201, #"{"id":"S2"}"#),
                refusal
            )
            let ask = { await client.createSetupToken(source: [:], of: "M", details: .init(requestID: "r")) }
            #expect(await ask().value?.id == "S1")
            clock.withLock { $0 += 3600 }
            #expect(await ask().value?.id == "S2")
            #expect(payPal.tokenCalls.count == 2)

            // A new token that is refused is not the token's fault.
            for _ in 0..<3 { #expect(await ask().value == nil) }
            #expect(payPal.tokenCalls.count == 2)
            switch await ask() {
            case .unavailable(let outage): #expect(status == 401 && outage.reason == .credentials)
            case .rejected(let rejection): #expect(status == 403 && rejection.name == "NOT_AUTHORIZED")
            default: Issue.record("neither")
            }
        }
    }

    @Test func `refused credentials are not asked again and again`() async throws {
        let clock = Mutex(Date.now)
        try await ScriptedPayPal.run(now: { clock.withLock { $0 } }) { payPal, client in
            payPal.answers("POST /v1/oauth2/token", .json(401, #"{"error":"invalid_client"}"#))
            for _ in 0..<5 {
                guard case .unavailable(let outage) = await client.order("X", of: "M") else {
                    Issue.record("nothing was sent")
                    continue
                }
                #expect(outage.reason == .credentials)
            }
            #expect(payPal.tokenCalls.count == 1)
            #expect(payPal.asked.isEmpty)
            clock.withLock { $0 += 10 }
            _ = await client.order("X", of: "M")
            #expect(payPal.tokenCalls.count == 2)
        }
    }

    @Test func `is shared between processes, and lies sealed`() async throws {
        let redis = try await TestRedis()
        let sealer = Sealer(try SealingKeys(parsing: SealingKeys.newEntry(id: "k1")))
        let settings = ScriptedPayPal.settings(port: 1)
        let store = RedisTokenStore(redis: redis.client, sealer: sealer, settings: settings, logger: .silent)
        try await ScriptedPayPal.run(store: store) { payPal, one in
            payPal.answers("GET /v2/checkout/orders/X", .json(order))
            let other = PayPalClient(one.settings, store: store, logger: .silent)
            _ = await one.order("X", of: "M")
            _ = await other.order("X", of: "M")
            #expect(payPal.tokenCalls.count == 1)

            let token = try #require(await store.token())
            #expect(token.text == "A21AA1")
            let stranger = RedisTokenStore(
                redis: redis.client,
                sealer: Sealer(try SealingKeys(parsing: SealingKeys.newEntry(id: "k1"))),
                settings: settings,
                logger: .silent
            )
            #expect(await stranger.token() == nil)
            await store.forget(AccessToken(text: "another", issuedAt: .now, expiresAt: .now))
            #expect(await store.token() == token)
            await store.forget(token)
            #expect(await store.token() == nil)
        }
    }

    @Test func `of the script comes from the same place`() async throws {
        try await ScriptedPayPal.run { payPal, client in
            payPal.answers("POST /v1/oauth2/token", .json(#"{"access_token":"sdk","id_token":"id","expires_in":900}"#))
            #expect(await client.sdkToken(of: "M").value == .init(text: "sdk", expiresIn: 900))
            #expect(await client.idToken(of: "M", customerID: "c&1").value?.text == "id")
            #expect(payPal.tokenCalls[0].body.contains("response_type=client_token"))
            #expect(payPal.tokenCalls[1].body.hasSuffix("target_customer_id=c%261"))
            #expect(payPal.tokenCalls[1].headers["paypal-auth-assertion"] != nil)
        }
    }
}
