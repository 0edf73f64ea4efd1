import Boot
import Configuration
import Foundation
import Jobs
import Logging
import PayPal
import Postgres
import Redis
import Sealing
import Testing
import Web

func settings(_ variables: [String: String], needs: Set<Variable> = []) throws(SettingsError) -> Settings {
    let provider = EnvironmentVariablesProvider(environmentVariables: variables)
    return try Settings(from: ConfigReader(provider: provider), needs: needs)
}

@Suite struct `Reading the environment` {
    @Test func `an empty environment is enough where nothing is needed`() throws {
        let settings = try settings([:])
        #expect(settings.redis == nil)
        #expect(settings.postgres == nil)
        #expect(settings.keys == nil)
        #expect(settings.ports.ingress == 8080)
        #expect(settings.ports.sandbox == 8090)
        #expect(settings.ports.fulfillment == 9101)
        #expect(settings.ports.notifications == 9104)
        #expect(settings.host == "127.0.0.1")
        #expect(settings.drain == .seconds(30))
        #expect(settings.logFormat == .json)
        #expect(settings.checksRedisDurability)
    }

    @Test func `every variable arrives`() throws {
        let settings = try settings([
            "DATABASE_URL": "postgres://gate:pass-1@db.example:5433/house",
            "REDIS_URL": "rediss://:pass-2@redis.example:6380/2",
            "APP_KEYS": "k2:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "APP_URL": "https://pay.example.com/",
            "HOST": "0.0.0.0",
            "INGRESS_PORT": "1", "PRODUCT_API_PORT": "2", "SANDBOX_PORT": "4",
            "SANDBOX_PAYPAL_PORT": "8",
            "FULFILLMENT_HEALTH_PORT": "5", "RENEWALS_HEALTH_PORT": "6", "RECONCILIATION_HEALTH_PORT": "7",
            "NOTIFICATIONS_HEALTH_PORT": "65535",
            "TRUSTED_PROXIES": "10.0.0.0/8, loopback",
            "LOG_LEVEL": "DEBUG", "LOG_FORMAT": "text",
            "WORKER_CONCURRENCY": "7", "QUEUE_SHARDS": "fulfillment=4, notifications = 2", "POSTGRES_POOL": "9",
            "REDIS_DURABILITY": "trust",
            "DRAIN_SECONDS": "11", "SHUTDOWN_DELAY_SECONDS": "5",
            "OUTBOUND_ALLOW": "127.0.0.0/8, fd00::/8", "OUTBOUND_PLAIN": "true", "DELIVERY_CONCURRENCY": "3",
            "RENEWAL_CONCURRENCY": "12",
            "SENDMAIL": "/usr/bin/msmtp -t", "MAIL_FROM": "gate@house.example",
            "SANDBOX_WEBHOOK_URLS": "http://a.example/x, https://b.example/y/",
            "SANDBOX_THRIVECART_ACCOUNT": "shop", "SANDBOX_THRIVECART_SECRET": "pass-3",
        ])
        #expect(settings.postgres?.description == "db.example:5433/house")
        #expect(settings.postgres?.poolSize == 9)
        #expect(settings.redis?.description == "rediss://redis.example:6380/2")
        #expect(settings.keys?.ids == ["k2"])
        #expect(settings.appURL == "https://pay.example.com")
        #expect(settings.host == "0.0.0.0")
        let ports = settings.ports
        let served: [Int] = [ports.ingress, ports.productAPI, ports.sandbox, ports.sandboxPayPal]
        #expect(served == [1, 2, 4, 8])
        let health: [Int] = [ports.fulfillment, ports.renewals, ports.reconciliation, ports.notifications]
        #expect(health == [5, 6, 7, 65535])
        #expect(settings.proxies != .none)
        #expect(settings.logLevel == .debug)
        #expect(settings.logFormat == .text)
        #expect(settings.workerConcurrency == 7)
        #expect(settings.queueShards == ["fulfillment": 4, "notifications": 2])
        #expect(!settings.checksRedisDurability)
        #expect(settings.drain == .seconds(11))
        #expect(settings.shutdownDelay == .seconds(5))
        #expect(settings.outbound.allowed.count == 2)
        #expect(settings.outbound.plain)
        #expect(settings.outbound.concurrency == 3)
        #expect(settings.renewals.concurrency == 12)
        #expect(settings.mail.sendmail == ["/usr/bin/msmtp", "-t"])
        #expect(settings.mail.from != nil)
        #expect(settings.sandbox.webhookURLs == ["http://a.example/x", "https://b.example/y"])
        #expect(settings.sandbox.account == "shop")
        #expect(settings.sandbox.secret == "pass-3")
    }

    @Test func `everything that is wrong is told at once, with what to do`() throws {
        let error = try #require(throws: SettingsError.self) {
            try settings(
                [
                    "DATABASE_URL": "mysql://gate:pass-1@db/house",
                    "REDIS_URL": "redis://:pass-2@host:notaport",
                    "INGRESS_PORT": "0", "SANDBOX_PORT": "eighty", "WORKER_CONCURRENCY": "99999999999999999999",
                    "TRUSTED_PROXIES": "10.0.0.0/99", "LOG_LEVEL": "loud", "LOG_FORMAT": "xml", "APP_URL": "pay",
                    "DRAIN_SECONDS": "-1", "SANDBOX_WEBHOOK_URLS": "http://a.example, ftp://b.example",
                    "QUEUE_SHARDS": "fulfillment=4,fulfillment=2", "SWIFT_DETERMINISTIC_HASHING": "1",
                ],
                needs: [.databaseURL, .redisURL, .appKeys]
            )
        }
        #expect(
            Set(error.problems.map(\.variable)) == [
                "DATABASE_URL", "REDIS_URL", "APP_KEYS", "INGRESS_PORT", "SANDBOX_PORT", "WORKER_CONCURRENCY",
                "TRUSTED_PROXIES", "LOG_LEVEL", "LOG_FORMAT", "APP_URL", "DRAIN_SECONDS", "SANDBOX_WEBHOOK_URLS",
                "QUEUE_SHARDS", "SWIFT_DETERMINISTIC_HASHING",
            ]
        )
        #expect(error.problems.count == 14)
        #expect(error.description.contains("14 settings need attention"))
        #expect(error.description.contains("APP_KEYS is not set: set it to k1:<key>"))
        #expect(error.description.contains("INGRESS_PORT can't be “0”: set it to a port, 1 to 65535."))
    }

    @Test func `no secret shows, in settings or in what is wrong with them`() throws {
        let variables = [
            "DATABASE_URL": "postgres://gate:pass-1@db.example/house", "REDIS_URL": "redis://:pass-2@redis.example",
            "APP_KEYS": "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "SANDBOX_THRIVECART_SECRET": "pass-3",
        ]
        let settings = try settings(variables)
        var dumped = ""
        dump(settings, to: &dumped)
        let broken = try #require(throws: SettingsError.self) {
            try readSettings(
                variables.mapValues {
                    $0.replacing("postgres:", with: "mysql:").replacing("redis:", with: "rodis:") + "!pass-4"
                }
            )
        }
        for shown in ["\(settings)", String(reflecting: settings), dumped, "\(broken)", String(reflecting: broken)] {
            #expect(!shown.contains("pass-"))
            #expect(!shown.contains("AAEC"))
        }
    }

    @Test func `what is needed may not be missing, empty or blank`() throws {
        for value in [nil, "", "  "] {
            let error = try #require(throws: SettingsError.self) {
                try settings(["REDIS_URL": value].compactMapValues(\.self), needs: [.redisURL])
            }
            #expect(error.problems.map(\.variable) == ["REDIS_URL"])
        }
    }
}

/// The free function, where a local of the same name hides it.
@Suite struct `Settings of PayPal` {
    let whole = [
        "PAYPAL_CLIENT_ID": "client", "PAYPAL_CLIENT_SECRET": "word", "PAYPAL_PARTNER_MERCHANT_ID": "PARTNER1",
        "PAYPAL_BN_CODE": "Thrive_SP",
    ]

    @Test func `name the sandbox unless they say live`() throws {
        #expect(try settings(whole).payPal.settings?.base == "https://api-m.sandbox.paypal.com")
        let live = try settings(whole.merging(["PAYPAL_ENV": "live"]) { $1 }).payPal.settings
        #expect(live?.base == "https://api-m.paypal.com")
        #expect(try settings([:]).payPal.settings == nil)
    }

    @Test func `lead to a pretended PayPal beside the sandbox only`() throws {
        let pretended = whole.merging(["PAYPAL_BASE_URL": "http://127.0.0.1:8090/"]) { $1 }
        #expect(try settings(pretended).payPal.settings?.base == "http://127.0.0.1:8090")
        #expect(throws: SettingsError.self) { try settings(pretended.merging(["PAYPAL_ENV": "live"]) { $1 }) }
    }

    @Test(arguments: ["PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET", "PAYPAL_PARTNER_MERCHANT_ID"])
    func `are whole or not there`(missing: String) {
        #expect(throws: SettingsError.self) { try settings(whole.filter { $0.key != missing }) }
    }

    @Test func `show no secret`() throws {
        let settings = try settings(whole)
        #expect(!"\(settings) \(String(reflecting: settings.payPal.settings))".contains("word"))
    }
}

private func readSettings(_ variables: [String: String]) throws(SettingsError) -> Settings { try settings(variables) }

@Suite struct `Secrets in files` {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "settings-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    func file(_ contents: [UInt8]) throws -> String {
        let url = folder.appending(path: UUID().uuidString)
        try Data(contents).write(to: url)
        return url.path
    }

    @Test func `a secret comes from the file that is named, without its line end`() throws {
        let path = try file(Array("redis://:pass@redis.example:7000/1\r\n".utf8))
        let settings = try settings(["REDIS_URL_FILE": path], needs: [.redisURL])
        #expect(settings.redis?.description == "redis://redis.example:7000/1")
    }

    @Test func `both ways at once are refused, as nobody knows which is meant`() throws {
        let path = try file(Array("redis://a.example".utf8))
        let error = try #require(throws: SettingsError.self) {
            try settings(["REDIS_URL_FILE": path, "REDIS_URL": "redis://b.example"], needs: [.redisURL])
        }
        #expect(error.problems.count == 1)
        #expect(error.description.contains("REDIS_URL and REDIS_URL_FILE are both set"))
    }

    @Test func `a file that is missing, empty or no text is named`() throws {
        for path in ["/nowhere/at/all", try file([]), try file([0xFF, 0xFE])] {
            let error = try #require(throws: SettingsError.self) {
                try settings(["APP_KEYS_FILE": path], needs: [.appKeys])
            }
            #expect(error.problems.map(\.variable) == ["APP_KEYS_FILE"])
            #expect(error.description.contains(path))
        }
    }

    @Test func `what is no secret has no file`() throws {
        #expect(try settings(["HOST_FILE": "/nowhere/at/all"]).host == "127.0.0.1")
    }
}

@Suite struct `The example file` {
    /// `NAME=value` lines by name.
    let example: [String: String]

    init() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: ".env.example"), encoding: .utf8)
        let pairs = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map {
            $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        }
        example = Dictionary(uniqueKeysWithValues: pairs.map { (String($0[0]), $0.count > 1 ? String($0[1]) : "") })
    }

    @Test func `it has exactly the variables that are read`() {
        #expect(Set(example.keys) == Set(Variable.allCases.map(\.rawValue)))
    }

    @Test func `it shows what holds when nothing is set`() {
        for variable in Variable.allCases where variable.fallback != nil {
            #expect(example[variable.rawValue] == variable.fallback, "\(variable.rawValue)")
        }
    }

    @Test func `it works once a key is filled in`() throws {
        var variables = example
        variables["APP_KEYS"]? += "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
        let settings = try settings(variables, needs: [.databaseURL, .redisURL, .appKeys])
        #expect(settings.keys?.ids == ["k1"])
    }

    @Test func `it is refused as it is, because a key in a file that everybody has is none`() {
        #expect(throws: SettingsError.self) { try settings(example, needs: [.appKeys]) }
    }
}
