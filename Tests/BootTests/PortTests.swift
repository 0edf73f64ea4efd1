import Foundation
import TestKit
import Testing
import Web

/// Every process that listens somewhere, with servers behind it that nobody can reach: the port comes first.
@Suite struct `A port that another process has` {
    static let ports = [
        ("ingress", "INGRESS_PORT"), ("product-api", "PRODUCT_API_PORT"), ("fulfillment", "FULFILLMENT_HEALTH_PORT"),
        ("renewals", "RENEWALS_HEALTH_PORT"), ("reconciliation", "RECONCILIATION_HEALTH_PORT"),
        ("notifications", "NOTIFICATIONS_HEALTH_PORT"), ("sandbox", "SANDBOX_PORT"),
        ("sandbox", "SANDBOX_PAYPAL_PORT"),
    ]

    @Test(arguments: ports) func `is told in one sentence with its setting, and the process ends with 78`(
        name: String,
        variable: String
    ) async throws {
        try await withServer { port in
            var environment = [
                "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1",
                "APP_KEYS": "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "PAYPAL_CLIENT_ID": "client",
                "PAYPAL_CLIENT_SECRET": "secret", "PAYPAL_PARTNER_MERCHANT_ID": "PARTNER",
                "SANDBOX_THRIVECART_SECRET": "word",
            ]
            for (_, other) in Self.ports { environment[other] = "\(try freePort())" }
            environment[variable] = "\(port)"
            let log = try TestDirectory.make(name) + "/log"
            let process = try ServerProcess(.init(builtProgram(name), [], environment: environment, log: log))
            #expect(await process.exit() == .code(78))
            let lines = String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self)
            let sentence =
                "\(name) can't start: port \(port) of 127.0.0.1 is taken by another process. "
                + "Set \(variable) or HOST to what is free."
            // Log lines go to another stream, and a server beside may log its own end even later.
            let said = lines.split(separator: "\n").filter { !$0.hasPrefix("{") }
            #expect(said.map(String.init) == [sentence], "\(lines)")
            #expect(!lines.contains("Fatal error"))
        }
    }
}
