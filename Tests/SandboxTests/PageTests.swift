import NIOHTTP1
import SandboxPages
import TestKit
import Testing

@Suite struct `The sandbox's pages` {
    @Test func `somebody buys, renews, gives back and cancels with forms alone`() async throws {
        try await withShop { running in
            let form =
                "email=ana%40example.com&firstName=Ana&lastName=Sample&country=DE&mode=live&plan=monthly&bump=bump-7"
            let bought = try await running.ask(.POST, "/buy", form)
            #expect(bought.status == 303)
            #expect(bought.headers["Location"] == ["/orders/40000001"])
            for (change, form) in [
                ("renew", "item=product-7"), ("refund", "item=bump-7&amount=4.50"), ("cancel", "item=product-7"),
            ] {
                #expect(try await running.ask(.POST, "/orders/40000001/\(change)", form).status == 303)
            }
            let page = try await running.ask(.GET, "/orders/40000001").text
            for text in ["Ana Sample", "product-7", "bump-7", "$4.50 refunded", "canceled", "order.refund"] {
                #expect(page.contains(text), "no \(text)")
            }
            let events = try await running.webhooks(4).map { try $0.field("event") ?? "" }
            #expect(
                events == [
                    "order.success", "order.subscription_payment", "order.refund", "order.subscription_cancelled",
                ]
            )
        }
    }

    @Test func `what is not possible is said on the page`() async throws {
        try await withShop { running in
            let order = try await running.buy()
            let page = try await running.ask(.POST, "/orders/\(order)/resume", "item=product-7")
            #expect(page.status == 409)
            #expect(page.text.contains("the subscription is not paused"))
            let amount = try await running.ask(.POST, "/orders/\(order)/refund", "item=product-7&amount=a+lot")
            #expect(amount.text.contains("An amount looks like 12.50."))
            #expect(try await running.ask(.GET, "/orders/1").status == 404)
        }
    }

    @Test func `what a buyer types is shown as text`() async throws {
        try await withShop { running in
            let form = "email=a%40example.com&firstName=%3Cscript%3E&lastName=%26&country=US&mode=live"
            #expect(try await running.ask(.POST, "/buy", form).status == 303)
            let page = try await running.ask(.GET, "/orders/40000001")
            #expect(page.text.contains("&lt;script&gt; &amp;"))
            #expect(!page.text.contains("<script"))
            #expect(page.headers["Content-Security-Policy"].first?.contains("default-src 'none'") == true)
            let refused = try await running.ask(
                .POST,
                "/buy",
                "email=%22%3E%3Ci%3E&firstName=A&lastName=B&country=US&mode=live"
            )
            #expect(refused.status == 422)
            #expect(!refused.text.contains("<i>"))
        }
    }

    @Test func `a form on somebody else's page does nothing`() async throws {
        try await withShop { running in
            let form = "email=a%40example.com&firstName=A&lastName=B&country=US&mode=live"
            let answer = try await running.ask(.POST, "/buy", form, headers: ["Sec-Fetch-Site": "cross-site"])
            #expect(answer.status == 403)
            #expect(await running.shop.ledger.orders.isEmpty)
        }
    }

    @Test func `every page loads nothing from elsewhere`() async throws {
        try await withShop { running in
            let order = try await running.buy()
            for path in ["/", "/orders", "/orders/\(order)", "/deliveries", "/deliveries/1", "/workshop"] {
                let page = try await running.ask(.GET, path)
                #expect(page.status == 200)
                #expect(page.text.contains("<title>"))
                for word in ["src=", "@import", "url(", "<script", "<link rel=\"stylesheet"] {
                    #expect(!page.text.contains(word), "\(path) has \(word)")
                }
                #expect(!page.text.contains("{{"), "\(path) has an unfilled tag")
            }
        }
    }

    @Test func `the workshop's forms set faults, the clock and destinations`() async throws {
        try await withShop { running in
            let faults = "duplicate=1&delayMilliseconds=5&dropPercent=10&seed=3&reorder=yes"
            #expect(try await running.ask(.POST, "/workshop/faults", faults).status == 303)
            #expect(
                await running.shop.postman.faults
                    == Faults(duplicate: 1, delayMilliseconds: 5, reorder: true, dropRate: 0.1, seed: 3)
            )
            #expect(try await running.ask(.POST, "/workshop/faults/clear", faults).status == 303)
            #expect(await running.shop.postman.faults.isNone)

            #expect(try await running.ask(.POST, "/workshop/clock", "days=31").status == 303)
            #expect(running.shop.clock.offset == 31 * 86_400)
            #expect(try await running.ask(.GET, "/").text.contains("31 days ahead"))

            let refused = "url=http%3A%2F%2F127.0.0.1%3A1%2Fx&kind=form"
            #expect(try await running.ask(.POST, "/workshop/destinations", refused).status == 422)
            let target = running.target.replacing(":", with: "%3A").replacing("/", with: "%2F")
            let added = try await running.ask(.POST, "/workshop/destinations", "url=\(target)%2Fnew&kind=subscription")
            #expect(added.status == 200)
            #expect(await running.shop.postman.destinations.last?.surface == .subscription)
        }
    }
}
