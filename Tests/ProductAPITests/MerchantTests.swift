import Domain
import Foundation
import NIOHTTP1
import SandboxKit
import SandboxPages
import Store
import TestKit
import Testing

@Suite(.database(.gatehouse)) struct `A merchant's own record` {
    @Test func `GET merchant has PayPal's record, env and capabilities_summary`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let answer = try await api.call(.GET, "/merchant", bearer: merchant.bearer)
            let json = answer.json
            #expect(json["env"]?.text == "sandbox")
            #expect(json["merchant_id"]?.text == merchant.id)
            #expect(json["tracking_id"]?.text == merchant.secret)
            #expect(json["country"]?.text?.count == 2)
            #expect(json["primary_currency"]?.text?.count == 3)
            for name in ["legal_name", "primary_email"] { #expect(json[name]?.text?.isEmpty == false) }
            for name in ["primary_email_confirmed", "payments_receivable"] { #expect(json[name] == true) }
            #expect(json["capabilities"]?[0]?["name"] != nil)
            #expect(json["products"]?[0]?["status"]?.text?.isEmpty == false)
            #expect(
                json["capabilities_summary"]?["groups"]?.values.compactMap { $0["key"]?.text } == [
                    "wallets", "cards", "pay_later", "apms", "other",
                ]
            )
            #expect(json["oauth_integrations"] != nil)
            let kept = try await api.store.read { try $0.merchants(after: nil, limit: 1) }
            #expect(kept.first?.profile.capabilities.isEmpty == false)
        }
    }

    @Test func `another site's secret of the same account is never shown`() async throws {
        try await withAPI { api in
            let one = try await api.connect()
            let secret = RunningAPI.secret()
            try await api.account(one.id, trackingID: secret)
            #expect(try await api.complete(one.id, secret: secret, site: "https://two.example").status == 200)
            let answer = try await api.call(.GET, "/merchant", bearer: one.bearer)
            #expect(answer.status == 200)
            #expect(!answer.text.contains(secret))
        }
    }

    @Test func `GET merchant credentials has fresh tokens and the same webhook secret`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let json = try await api.call(.GET, "/merchant/credentials", bearer: merchant.bearer).json
            #expect(json["webhook_secret"]?.text == merchant.webhookSecret)
            #expect(json["client_id"]?.text == "sandbox-partner")
            #expect(json["partner_merchant_id"]?.text == "SANDBXPARTNR2")
            #expect(json["sdk_client_token_expires_in"]?.integer ?? 0 > 0)
            #expect(json["client_token_expires_in"]?.integer ?? 0 > 0)
        }
    }

    @Test func `a token that PayPal would not give is empty, and the rest is there`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            try await api.fault(#"{"fault": "error", "call": "identity.generate_token", "status": 500}"#)
            let answer = try await api.call(.GET, "/merchant/credentials", bearer: merchant.bearer)
            #expect(answer.status == 200)
            #expect(answer.json["webhook_secret"]?.text == merchant.webhookSecret)
            #expect(answer.json["client_token"]?.text == "")
            #expect(answer.json["sdk_client_token"]?.text?.isEmpty == false)
        }
    }

    @Test func `PATCH merchant changes webhooks_url and license_key and ignores the rest`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let body =
                #"{"webhooks_url": "https://merchant.example/hook", "license_key": "L-1", "state": "x", "id": 3}"#
            let answer = try await api.call(.PATCH, "/merchant", body, bearer: merchant.bearer)
            #expect(answer.text == #"{"success":true}"#)
            func kept() async throws -> Merchant? {
                try await api.store.read { try $0.merchants(after: nil, limit: 1) }.first
            }
            #expect(try await kept()?.webhooksURL == "https://merchant.example/hook")
            #expect(try await kept()?.licenseKey == "L-1")
            let empty = try await api.call(.PATCH, "/merchant", #"{"license_key": null}"#, bearer: merchant.bearer)
            #expect(empty.status == 200)
            #expect(try await kept()?.licenseKey == nil)
            #expect(try await kept()?.webhooksURL == "https://merchant.example/hook")
            let bad = try await api.call(.PATCH, "/merchant", #"{"webhooks_url": "ftp://x"}"#, bearer: merchant.bearer)
            #expect(bad.complains(of: "webhooks_url"))
        }
    }

    @Test func `DELETE merchant ends bearers and renewals at once, and revokes nobody`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let created = try await api.call(
                .POST,
                "/subscriptions",
                RunningAPI.subscription("paypal", trialDays: 7),
                bearer: merchant.bearer
            )
            try await api.approve(setupToken: created.id)
            let active = try await api.call(.POST, "/subscriptions/\(created.id)/activate", bearer: merchant.bearer)
            #expect(active.statusText == "trialing")
            #expect(try await api.call(.DELETE, "/merchant", bearer: merchant.bearer).text == #"{"success":true}"#)
            #expect(try await api.call(.DELETE, "/merchant", bearer: merchant.bearer).isEnvelope(401))
            #expect(try await api.token(merchant.id, secret: merchant.secret).isEnvelope(401))
            let kept = try await api.store.read { tx in
                try tx.merchants(after: nil, limit: 1).first.map { try tx.vaultSubscriptions(of: $0.id) }
            }
            #expect(kept?.map(\.status) == [.canceled])
            #expect(kept?.first?.nextActionAt == nil)
        }
    }
}

@Suite(.database(.gatehouse)) struct `Apple Pay's domains` {
    @Test func `POST, GET and DELETE merchant domains: registered with 201, listed, and taken off again`() async throws
    {
        try await withAPI { api in
            let merchant = try await api.connect()
            let created = try await api.call(
                .POST,
                "/merchant/domains",
                #"{"domain": "Shop.example.com"}"#,
                bearer: merchant.bearer
            )
            #expect(created.status == 201)
            #expect(created.json.at("domain", "name")?.text == "shop.example.com")
            #expect(created.json["provider_type"]?.text == "APPLE_PAY")
            let list = try await api.call(.GET, "/merchant/domains", bearer: merchant.bearer)
            #expect(list.json["total_items"]?.integer == 1)
            let gone = try await api.call(.DELETE, "/merchant/domains/shop.example.com", bearer: merchant.bearer)
            #expect(gone.text == #"{"success":true,"domain":"shop.example.com"}"#)
            let again = try await api.call(.DELETE, "/merchant/domains/shop.example.com", bearer: merchant.bearer)
            #expect(again.status == 404)
        }
    }

    @Test func `row 422 DOMAIN_ALREADY_REGISTERED`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let body = #"{"domain": "shop.example.com"}"#
            _ = try await api.call(.POST, "/merchant/domains", body, bearer: merchant.bearer)
            let again = try await api.call(.POST, "/merchant/domains", body, bearer: merchant.bearer)
            #expect(again.isEnvelope(422))
            #expect(again.json["errors"]?[0]?.text == "DOMAIN_ALREADY_REGISTERED")
        }
    }

    @Test func `row 503 when PayPal answers 5xx`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            try await api.fault(#"{"fault": "error", "call": "*", "status": 500}"#)
            #expect(try await api.call(.GET, "/merchant/domains", bearer: merchant.bearer).isEnvelope(503))
        }
    }

    @Test(arguments: [
        #"{}"#, #"{"domain": "localhost"}"#, #"{"domain": "a b.example"}"#, #"{"domain": "https://a.example"}"#,
    ])
    func `a bad domain is named`(body: String) async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            #expect(
                try await api.call(.POST, "/merchant/domains", body, bearer: merchant.bearer).complains(of: "domain")
            )
        }
    }
}
