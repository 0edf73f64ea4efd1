import Domain
import Foundation
import NIOHTTP1
import Postgres
import ProductAPIRoutes
import SandboxKit
import SandboxPages
import Sealing
import Store
import TestKit
import Testing
import Web

@Suite(.database(.gatehouse)) struct `Connecting through the API` {
    @Test func `POST onboarding start answers where the seller approves, and until when`() async throws {
        try await withAPI { api in
            let secret = RunningAPI.secret()
            let before = Int(Date.now.timeIntervalSince1970)
            let answer = try await api.call(
                .POST,
                "/onboarding/start",
                #"{"secret": "\#(secret)", "site_url": "https://merchant.example/"}"#
            )
            #expect(answer.status == 200)
            #expect(answer.json["url"]?.text?.contains("http") == true)
            #expect(try #require(answer.json["expires_in"]?.integer) > before)
            #expect(answer.headers["paypal-debug-id"].count == 1)
        }
    }

    @Test(arguments: [
        ("{}", "secret"), (#"{"secret": "short", "site_url": "https://a.example"}"#, "secret"),
        (#"{"secret": 7, "site_url": "https://a.example"}"#, "secret"),
        (#"{"secret": "0123456789abcdef0123456789abcdef"}"#, "site_url"),
        (#"{"secret": "0123456789abcdef0123456789abcdef", "site_url": "javascript:alert(1)"}"#, "site_url"),
    ])
    func `a field that is missing or bad is named`(body: String, field: String) async throws {
        try await withAPI { api in
            let answer = try await api.call(.POST, "/onboarding/start", body)
            #expect(answer.complains(of: field))
        }
    }

    @Test func `POST onboarding complete answers all credentials once PayPal's page was approved`() async throws {
        try await withAPI { api in
            let secret = RunningAPI.secret()
            let start = try await api.call(
                .POST,
                "/onboarding/start",
                #"{"secret": "\#(secret)", "site_url": "\#(RunningAPI.site)"}"#
            )
            let url = try #require(start.json["url"]?.text)
            let referral = try #require(url.split(separator: "=").last)
            let back = try await api.payPal.ask(
                .POST,
                "/_sandbox/referrals/\(referral)/approve",
                #"{"merchant_id": "NEWMERCHANT22", "country": "US"}"#
            )
            let redirect = try #require(back.json["redirect"]?.text)
            #expect(redirect.hasPrefix(RunningAPI.site))
            #expect(redirect.contains("merchantIdInPayPal=NEWMERCHANT22"))
            #expect(redirect.contains("merchantId=\(secret)"))

            let done = try await api.complete("NEWMERCHANT22", secret: secret)
            #expect(done.status == 200)
            let json = done.json
            #expect(json["env"]?.text == "sandbox")
            #expect(json["country"]?.text == "US")
            #expect(json["client_id"]?.text == "sandbox-partner")
            #expect(json["partner_merchant_id"]?.text == "SANDBXPARTNR2")
            #expect(json["client_token"]?.text?.isEmpty == false)
            #expect(json["sdk_client_token"]?.text?.isEmpty == false)
            #expect(try #require(json["client_token_expires_in"]?.integer) > 0)
            #expect(try #require(json["sdk_client_token_expires_in"]?.integer) > 0)
            #expect(json["webhook_secret"]?.text?.count == 64)
        }
    }

    @Test func `a takeover is 422 and changes nothing`() async throws {
        try await withAPI { api in
            let victim = try await api.connect()
            let mine = RunningAPI.secret()
            // A secret that PayPal does not know, one of another account, one that is almost right.
            try await api.account("ATTACKERAAA22", trackingID: mine)
            for secret in [RunningAPI.secret(), mine, victim.secret.uppercased() + "0"] {
                let answer = try await api.complete(victim.id, secret: secret, webhooksURL: "https://evil.example/hook")
                #expect(answer.isEnvelope(422))
                #expect(answer.json["webhook_secret"] == nil)
            }
            let all = try await api.store.read { try $0.merchants(after: nil, limit: 10) }
            #expect(all.count == 1)
            #expect(all.first?.webhooksURL == nil)
            #expect(try await api.call(.GET, "/merchant", bearer: victim.bearer).status == 200)
        }
    }

    @Test func `a fresh onboarding that PayPal has yet to make is 202 pending and opens nothing`() async throws {
        try await withAPI { api in
            let secret = RunningAPI.secret()
            let early = try await api.complete("FRESHMERCH222", secret: secret)
            #expect(early.status == 202)
            #expect(early.text == #"{"status":"pending"}"#)
            #expect(try await api.token("FRESHMERCH222", secret: secret).status == 401)
            try await api.account("FRESHMERCH222", trackingID: secret)
            let late = try await api.complete("FRESHMERCH222", secret: secret)
            #expect(late.status == 200)
            #expect(late.json["webhook_secret"]?.text?.count == 64)
            #expect(try await api.token("FRESHMERCH222", secret: secret).status == 200)
            let all = try await api.store.read { try $0.merchants(after: nil, limit: 10) }
            #expect(all.count == 1)
        }
    }

    @Test func `the same call again gives the same secret, and bearers live on`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let again = try await api.complete(merchant.id, secret: merchant.secret)
            #expect(again.json["webhook_secret"]?.text == merchant.webhookSecret)
            #expect(try await api.call(.GET, "/merchant", bearer: merchant.bearer).status == 200)
        }
    }

    @Test func `who comes back after leaving is itself again, with a new secret and no old bearer`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            #expect(try await api.call(.DELETE, "/merchant", bearer: merchant.bearer).text == #"{"success":true}"#)
            #expect(try await api.token(merchant.id, secret: merchant.secret).status == 401)
            let secret = RunningAPI.secret()
            try await api.account(merchant.id, trackingID: secret)
            let again = try await api.complete(merchant.id, secret: secret)
            #expect(again.status == 200)
            #expect(again.json["webhook_secret"]?.text != merchant.webhookSecret)
            #expect(try await api.call(.GET, "/merchant", bearer: merchant.bearer).status == 401)
            #expect(try await api.token(merchant.id, secret: secret).status == 200)
            let all = try await api.store.read { try $0.merchants(after: nil, limit: 10) }
            #expect(all.count == 1)
        }
    }

    @Test func `the same secret with another account disconnects the first`() async throws {
        try await withAPI { api in
            let first = try await api.connect()
            _ = try await api.payPal.ask(
                .POST,
                "/_sandbox/merchants",
                #"{"id": "\#(first.id)", "tracking_id": "gone"}"#
            )
            try await api.account("SECONDMERCH22", trackingID: first.secret)
            #expect(try await api.complete("SECONDMERCH22", secret: first.secret).status == 200)
            #expect(try await api.call(.GET, "/merchant", bearer: first.bearer).status == 401)
            #expect(try await api.token(first.id, secret: first.secret).status == 401)
            #expect(try await api.token("SECONDMERCH22", secret: first.secret).status == 200)
        }
    }

    @Test func `PayPal's outage connects nobody and is 503`() async throws {
        try await withAPI { api in
            try await api.fault(#"{"fault": "error", "call": "integrations.*", "status": 500, "body": "html"}"#)
            try await api.fault(#"{"fault": "error", "call": "*", "status": 500, "body": "html"}"#)
            let answer = try await api.complete("FRESHMERCH222", secret: RunningAPI.secret())
            #expect(answer.isEnvelope(503))
            #expect(!answer.text.contains("gateway"))
            #expect(try await api.store.read { try $0.merchants(after: nil, limit: 10) }.isEmpty)
        }
    }

    @Test func `secrets and bearers stand nowhere in the database`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let database = try #require(TestDatabase.current)
            let dump = try await database.pool.read { tx in
                try tx.rows(
                    """
                    SELECT (SELECT string_agg(m::text, ' ') FROM merchants m) || ' '
                        || (SELECT string_agg(t::text, ' ') FROM merchant_tokens t)
                    """
                )
                .decode(String.self)
            }
            let text = try #require(dump.first)
            for secret in [merchant.secret, merchant.bearer, merchant.webhookSecret] {
                #expect(!text.contains(secret))
                #expect(!text.contains(Digest.hex(Array(secret.utf8))))
            }
        }
    }
}

@Suite(.database(.gatehouse)) struct `Tokens` {
    @Test func `POST auth token gives a new bearer of 64 hex digits each time, for seven days`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let (one, two) = (
                try await api.token(merchant.id, secret: merchant.secret),
                try await api.token(merchant.id, secret: merchant.secret)
            )
            for answer in [one, two] {
                #expect(answer.json["expires_in"]?.integer == 604_800)
                #expect(answer.json["access_token"]?.text?.count == 64)
            }
            #expect(one.json["access_token"] != two.json["access_token"])
            for answer in [one, two] {
                let bearer = answer.json["access_token"]?.text
                #expect(try await api.call(.GET, "/merchant", bearer: bearer).status == 200)
            }
        }
    }

    @Test func `a wrong secret, an unknown merchant and a broken header are all the same 401`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let wrong = try await api.token(merchant.id, secret: RunningAPI.secret())
            let unknown = try await api.token("NOBODYATALL22", secret: merchant.secret)
            let broken = try await api.call(.POST, "/auth/token", headers: ["Authorization": "Basic ???"])
            let none = try await api.call(.POST, "/auth/token")
            for answer in [wrong, unknown, broken, none] {
                #expect(answer.isEnvelope(401))
                #expect(answer.text == wrong.text)
            }
        }
    }

    @Test func `who knows an account's public id can't keep its shop from its token`() async throws {
        var limits = ProductAPI.Limits.quick
        limits.tokensPerMinute = 5
        try await withAPI(limits: limits, proxies: try TrustedProxies(parsing: "loopback")) { api in
            let shop = (id: "MERCHANTCCC22", secret: RunningAPI.secret())
            try await api.account(shop.id, trackingID: shop.secret)
            #expect(try await api.complete(shop.id, secret: shop.secret).status == 200)
            for number in 0..<12 {
                let pair = Data("\(shop.id):\(RunningAPI.secret())".utf8).base64EncodedString()
                let answer = try await api.call(
                    .POST,
                    "/auth/token",
                    headers: ["Authorization": "Basic \(pair)", "X-Forwarded-For": "192.0.2.\(number % 4)"]
                )
                #expect(answer.isEnvelope(401))
            }
            var statuses: [Int] = []
            for number in 0..<6 {
                let pair = Data("\(shop.id):\(shop.secret)".utf8).base64EncodedString()
                statuses.append(
                    try await api.call(
                        .POST,
                        "/auth/token",
                        headers: ["Authorization": "Basic \(pair)", "X-Forwarded-For": "198.51.100.\(number)"]
                    )
                    .status
                )
            }
            #expect(statuses.first == 200)
            #expect(statuses.last == 429, "its own haste is limited all the same")
        }
    }

    @Test func `minting too often is 429 with Retry-After`() async throws {
        var limits = ProductAPI.Limits.quick
        limits.tokensPerMinute = 5
        try await withAPI(limits: limits) { api in
            let secret = RunningAPI.secret()
            var statuses: [Int] = []
            for _ in 0..<12 { statuses.append(try await api.token("MERCHANTAAA22", secret: secret).status) }
            #expect(statuses.prefix(5).allSatisfy { $0 == 401 })
            #expect(statuses.last == 429)
            let refused = try await api.token("MERCHANTAAA22", secret: secret)
            #expect(refused.isEnvelope(429))
            #expect(Int(refused.headers.first(name: "retry-after") ?? "") ?? 0 > 0)
        }
    }

    @Test func `a bearer ends after seven days`() async throws {
        let clock = MovedClock()
        try await withAPI(now: { clock.now }) { api in
            let merchant = try await api.connect()
            clock.move(by: 604_799)
            #expect(try await api.call(.PATCH, "/merchant", "{}", bearer: merchant.bearer).status == 200)
            clock.move(by: 2)
            #expect(try await api.call(.PATCH, "/merchant", "{}", bearer: merchant.bearer).isEnvelope(401))
        }
    }

    @Test func `POST auth client-token and sdk-token give tokens for browsers`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let client = try await api.call(.POST, "/auth/client-token", bearer: merchant.bearer)
            #expect(client.json["client_token"]?.text?.isEmpty == false)
            #expect(client.json["expires_in"]?.integer ?? 0 > 0)
            let sdk = try await api.call(.POST, "/auth/sdk-token", bearer: merchant.bearer)
            #expect(sdk.json["sdk_client_token"]?.text?.isEmpty == false)
            #expect(sdk.json["expires_in"]?.integer ?? 0 > 0)
        }
    }
}
