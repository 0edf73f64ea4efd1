import Foundation
import SandboxKit
import SandboxPages
import TestKit
import Testing
import Web

/// The pages that the document calls the checkout demo and the admin test harness, against our own API, in a browser.
@Suite(.serialized) struct `The demo's pages in a browser` {
    @Test(.timeLimit(.minutes(5))) func `connect a merchant, pay once, refund, subscribe, leave, and each is told`()
        async throws
    {
        try await Browser.open { browser in
            try await withPayPal { payPal in
                let system = try await ShopSystem(payPal)
                do {
                    try await withPages(of: system) { try await play(browser, $0) }
                } catch {
                    Issue.record("\(error)\n\(system.logs.suffix(4000))")
                }
                await system.end()
            }
        }
    }

    /// The sandbox's pages, with a Product API behind them.
    private func withPages(of system: ShopSystem, _ body: @Sendable (_ home: String) async throws -> Void) async throws
    {
        let postman = Postman(destinations: [], logger: .silent)
        let shop = Shop(account: "demoshop", secret: "TESTSECRET00", postman: postman)
        let pages = try SandboxRoutes(shop: shop, productAPI: system.address)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await postman.run() }
            try await withServer(pages.collections) { try await body("http://127.0.0.1:\($0)") }
            group.cancelAll()
        }
    }

    private func play(_ browser: Browser, _ home: String) async throws {
        try await connect(browser, home)
        try await payOnce(browser, home)
        try await refund(browser, home)
        try await subscribe(browser, home)
        try await browser.press("Test webhook")
        try await told("WEBHOOK.TEST", browser, home)
        try await browser.visit(home + "/demo")
        try await browser.press("Disconnect")
        try await browser.sees("not connected")
        try await browser.picture("demo-8-left")
    }

    private func connect(_ browser: Browser, _ home: String) async throws {
        try await browser.visit(home + "/demo")
        try await browser.sees("not connected")
        try await browser.picture("demo-1-apart")
        try await browser.press("Connect PayPal")
        try await browser.sees("Connect your business account")
        try await browser.picture("demo-2-paypal")
        try await browser.press("Agree and connect")
        // PayPal is slow to know a new merchant.
        try await eventually {
            if try await browser.text.contains("PayPal is still finishing") { try await browser.press("Ask again") }
            return try await browser.text.contains("List domains")
        }
        #expect(try await browser.overflow <= 0)
    }

    private func payOnce(_ browser: Browser, _ home: String) async throws {
        try await browser.press("To the checkout")
        try await browser.picture("demo-3-checkout")
        try await browser.fill("amount", under: "A harbour course", with: "21.00")
        try await browser.press("Buy now")
        try await browser.sees("21.00 USD")
        try await browser.press("Pay")
        try await browser.sees("COMPLETED")
        try await browser.picture("demo-4-paid")
        try await told("PAYMENT.CAPTURE.COMPLETED", browser, home)
    }

    private func refund(_ browser: Browser, _ home: String) async throws {
        try await browser.visit(home + "/demo")
        try await browser.press("Refund")
        try await browser.sees("refund COMPLETED")
        try await told("PAYMENT.CAPTURE.REFUNDED", browser, home)
    }

    private func subscribe(_ browser: Browser, _ home: String) async throws {
        try await browser.visit(home + "/demo/checkout")
        try await browser.fill("trial", under: "The harbour club", with: "7")
        try await browser.tick("I agree to be charged")
        try await browser.press("Subscribe")
        try await browser.sees("Link a way to pay")
        try await browser.picture("demo-5-vault")
        try await browser.press("Agree and continue")
        try await browser.sees("trialing")
        try await browser.visit(home + "/demo")
        try await browser.press("POST /subscriptions")
        try await browser.picture("demo-6-subscribed")
        try await browser.press("Cancel subscription")
        try await browser.sees("canceled")
    }

    /// The shop's own receiver shows it, and that it proved itself by the merchant's secret.
    private func told(_ event: String, _ browser: Browser, _ home: String) async throws {
        try await eventually {
            try await browser.visit(home + "/receiver")
            return try await browser.text.contains(event)
        }
        let line = try await browser.text.split(separator: "\n").drop { !$0.contains(event) }.prefix(6)
        #expect(line.contains { $0.contains("proven") }, "\(line)")
        try await browser.picture("demo-7-receiver")
        #expect(try await browser.complaints.isEmpty)
        try await browser.visit(home + "/demo")
    }
}
