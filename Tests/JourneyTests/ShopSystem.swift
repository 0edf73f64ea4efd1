import FaultKit
import Foundation
import FulfillmentJobs
import Jobs
import NIOCore
import NIOHTTP1
import SandboxKit
import SandboxPages
import TestKit

/// The processes that a shop deals with, on private servers, and the shop's own handler.
final class ShopSystem: @unchecked Sendable {
    static let merchant = "JOURNEYMERCH2"

    let payPal: RunningPayPal
    let receiver: Receiver
    let address: String
    let secret: String
    // Because one test goes through the steps one after the other.
    var webhookSecret = ""
    var bearer = ""
    private let redis: RedisServer
    private let postgres: PostgresServer
    private var processes: [ServerProcess] = []
    private var environment: [String: String] = [:]

    init(_ payPal: RunningPayPal) async throws {
        self.payPal = payPal
        receiver = try await Receiver.start { request, _ in request.path == "/broken" ? .status(500) : .init() }
        redis = try await RedisServer(.init(isDurable: true, more: ["--maxmemory-policy", "noeviction"]))
        postgres = try await PostgresServer(.init(isDurable: true))
        secret = (0..<32).map { _ in String("0123456789abcdef".randomElement() ?? "0") }.joined()
        let directory = try TestDirectory.make("shop")
        let (ingress, api) = (try freePort(), try freePort())
        address = "http://127.0.0.1:\(api)/api/paypal/v1"

        let roots = try await payPal.ask(.GET, "/_sandbox/ca.pem").text
        try roots.write(toFile: directory + "/roots.pem", atomically: true, encoding: .utf8)
        let webhook = try await payPal.call(
            .POST,
            "/v1/notifications/webhooks",
            #"{"url": "http://127.0.0.1:\#(ingress)/webhooks/paypal", "event_types": [{"name": "*"}]}"#,
            for: nil
        )
        var environment = [
            "DATABASE_URL": postgres.url, "REDIS_URL": redis.url, "LOG_LEVEL": "info",
            "APP_KEYS": "k1:" + Data((0..<32).map { _ in UInt8.random(in: 0...255) }).base64EncodedString(),
            "OUTBOUND_ALLOW": "127.0.0.0/8", "OUTBOUND_PLAIN": "true",
            "PAYPAL_ENV": "sandbox", "PAYPAL_BASE_URL": payPal.address, "PAYPAL_CLIENT_ID": RunningPayPal.clientID,
            "PAYPAL_CLIENT_SECRET": RunningPayPal.clientSecret, "PAYPAL_PARTNER_MERCHANT_ID": RunningPayPal.partner,
            "PAYPAL_WEBHOOK_ID": webhook.id, "PAYPAL_WEBHOOK_ROOTS": directory + "/roots.pem",
        ]
        try await run(builtProgram("gatehouse"), ["migrate"], environment: environment)
        let ports = [
            ("fulfillment", "FULFILLMENT_HEALTH_PORT", try freePort()), ("ingress", "INGRESS_PORT", ingress),
            ("notifications", "NOTIFICATIONS_HEALTH_PORT", try freePort()), ("product-api", "PRODUCT_API_PORT", api),
        ]
        for (_, name, port) in ports { environment[name] = "\(port)" }
        self.environment = environment
        for (program, _, _) in ports {
            let log = "\(directory)/\(program).log"
            processes.append(
                try ServerProcess(.init(builtProgram(program), [], environment: environment, log: log))
            )
        }
        for (program, _, port) in ports {
            try await eventually {
                try await payPal.ask(.GET, "http://127.0.0.1:\(port)/readyz").status == 200
            }
            // Or the ingress would wait for its settings until the minute is over.
            if program == "fulfillment" { try await gatehouse(["schedule", "run", PublishIngressSettings.kind.text]) }
        }
    }

    /// Runs `gatehouse …`, as an operator would; throws when it fails.
    @discardableResult
    func gatehouse(_ words: [String]) async throws -> String {
        try await run(builtProgram("gatehouse"), words, environment: environment)
    }

    var logs: String { processes.map(\.lastWords).joined(separator: "\n") }

    func end() async {
        for process in processes { await process.stop(within: .seconds(20)) }
        try? await receiver.stop()  // Because it ends with the test at the latest.
        await redis.stop()
        await postgres.stop()
    }

    func call(_ method: HTTPMethod, _ path: String, _ body: String? = nil) async throws -> RunningPayPal.Answer {
        try await payPal.ask(
            method,
            address + path,
            body,
            headers: bearer.isEmpty ? [:] : ["Authorization": "Bearer " + bearer],
            timeout: .seconds(60)
        )
    }

    static func order(_ value: String, source: String? = nil, trialDays: Int = 0) -> String {
        let recurring = source.map {
            #", "source": "\#($0)", "recurring_times": "1 month", "thrive_order_id": 42, "trial_days": \#(trialDays)"#
        }
        return #"""
            {"data": {"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "USD", "value": "\#(value)"}}]
            \#(recurring ?? "")}}
            """#
    }
}
