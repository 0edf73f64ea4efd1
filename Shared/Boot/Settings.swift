package import Addresses
package import Configuration
package import Domain
internal import Foundation
package import Jobs
package import Logging
package import Outbound
package import PayPal
package import Postgres
package import Redis
package import Sealing
package import Web

/// What the environment says, read once and checked whole before any work is taken.
package struct Settings: Sendable {
    /// Nil where not set; a process names in `needs` what it can't do without.
    package let postgres: PostgresConfiguration?
    package let redis: RedisConfiguration?
    package let keys: SealingKeys?

    /// How others reach the ingress, without a slash at the end.
    package let appURL: String
    package let host: String
    package let ports: Ports
    package let proxies: TrustedProxies

    package let logLevel: Logger.Level
    package let logFormat: LogFormat

    package let workerConcurrency: Int
    /// How many shards a queue has, where it has several.
    package let queueShards: [QueueName: Int]
    /// False where Redis hides its settings and the operator vouches for them.
    package let checksRedisDurability: Bool
    /// How long running work may take to end after SIGTERM.
    package let drain: Duration
    /// How long we say that we are not ready before we stop taking requests.
    package let shutdownDelay: Duration

    package let outbound: Outgoing
    package let mail: Mail

    package let thriveCart: ThriveCart
    package let payPal: PayPal
    /// How often all processes together ask PayPal when they compare its books; 0 is without a limit.
    package let payPalBooksPerMinute: Int
    package let renewals: Renewals

    package let sandbox: Sandbox

    package struct Ports: Sendable, Hashable {
        package let ingress, productAPI, sandbox, sandboxPayPal: Int
        /// Where workers answer about their health.
        package let fulfillment, renewals, reconciliation, notifications: Int

        /// The variable that told a process to listen there.
        func variable(of process: String, port: Int) -> String {
            let all: KeyValuePairs<Variable, Int> = [
                .ingressPort: ingress, .productAPIPort: productAPI, .sandboxPort: sandbox,
                .sandboxPayPalPort: sandboxPayPal, .fulfillmentHealthPort: fulfillment,
                .renewalsHealthPort: renewals, .reconciliationHealthPort: reconciliation,
                .notificationsHealthPort: notifications,
            ]
            let head = process.uppercased().replacing("-", with: "_") + "_"
            let own = all.first { $0.key.rawValue.hasPrefix(head) && $0.value == port }
            return own?.key.rawValue ?? "the port"
        }
    }

    /// How we call addresses that others gave us.
    package struct Outgoing: Sendable {
        /// Blocks that are reached although they are not public.
        package let allowed: [IPNetwork]
        /// Whether `http://`, any port and the machine's own names are taken: for development.
        package let plain: Bool
        /// How many deliveries one process has under way at once.
        package let concurrency: Int
        /// How long messages, their attempts and letters are kept after they are settled.
        package let retention: Duration

        package var policy: AddressPolicy { AddressPolicy(allowing: allowed) }
        package var rules: EndpointURL.Rules { plain ? .development : .strict }
    }

    package struct Mail: Sendable {
        /// A program and its arguments; empty where mails are kept and not sent.
        package let sendmail: [String]
        package let from: EmailAddress?
    }

    /// How a seller's books are read.
    package struct ThriveCart: Sendable {
        package let address: String
        /// Of one account, by all processes together; 0 is without a limit.
        package let requestsPerMinute: Int
    }

    /// How vault subscriptions are charged.
    package struct Renewals: Sendable {
        package let inTwoSteps: Bool
        /// Whether the partner's transaction search shows what merchants capture.
        package let searchesTransactions: Bool
        package let ratePerSecond: Int
        /// Charges of one process that are under way at once.
        package let concurrency: Int
        /// Between two tries at something that nobody could say.
        package let retrySeconds: Int
    }

    package struct PayPal: Sendable {
        /// Nil where nothing says who we are at PayPal.
        package let settings: PayPalSettings?
        /// What PayPal signs its webhooks for; nil where none is registered.
        package let webhookID: String?
        /// PEM text that replaces the bundled certificates; nil for those.
        package let roots: String?
    }

    package struct Sandbox: Sendable {
        package let webhookURLs: [String]
        package let account: String
        package let secret: String?
        package let apiKey: String
        /// Where the demo reaches the Product API; nil for this machine.
        package let productAPI: String?
    }

    /// Reads all variables; those in `needs` must be set.
    ///
    /// Errors: everything that is missing, unreadable or out of bounds, together.
    package init(from config: ConfigReader, needs: Set<Variable> = []) throws(SettingsError) {
        var reader = SettingsReader(config)

        let poolSize = reader.whole(.postgresPool, 1...100)
        postgres = reader.value(.databaseURL) { text in
            var postgres = try PostgresConfiguration(url: text)
            postgres.poolSize = poolSize
            return postgres
        }
        redis = reader.value(.redisURL) { try RedisConfiguration(url: $0) }
        keys = reader.value(.appKeys) { try SealingKeys(parsing: $0) }

        appURL = reader.value(.appURL, Self.address) ?? ""
        host = reader.value(.host) { $0.contains { $0.isWhitespace || $0 == "/" } ? nil : $0 } ?? ""
        ports = Ports(
            ingress: reader.whole(.ingressPort, 1...65535),
            productAPI: reader.whole(.productAPIPort, 1...65535),
            sandbox: reader.whole(.sandboxPort, 1...65535),
            sandboxPayPal: reader.whole(.sandboxPayPalPort, 1...65535),
            fulfillment: reader.whole(.fulfillmentHealthPort, 1...65535),
            renewals: reader.whole(.renewalsHealthPort, 1...65535),
            reconciliation: reader.whole(.reconciliationHealthPort, 1...65535),
            notifications: reader.whole(.notificationsHealthPort, 1...65535)
        )
        proxies = reader.value(.trustedProxies) { try TrustedProxies(parsing: $0) } ?? .none

        logLevel = reader.choice(.logLevel, else: .info)
        logFormat = reader.choice(.logFormat, else: .json)
        workerConcurrency = reader.whole(.workerConcurrency, 1...1000)
        queueShards = reader.given(.queueShards) == nil ? [:] : reader.value(.queueShards, Self.shards) ?? [:]
        checksRedisDurability = reader.choice(.redisDurability, else: Durability.check) == .check
        drain = .seconds(reader.whole(.drainSeconds, 1...3600))
        shutdownDelay = .seconds(reader.whole(.shutdownDelaySeconds, 0...300))
        outbound = Outgoing(
            allowed: reader.value(.outboundAllow, Self.ranges) ?? [],
            plain: reader.value(.outboundPlain) { Bool($0.lowercased()) } ?? false,
            concurrency: reader.whole(.deliveryConcurrency, 1...10_000),
            retention: .seconds(reader.whole(.messageRetentionDays, 4...3650) * 86_400)
        )
        mail = Mail(
            sendmail: reader.value(.sendmail) { $0.split(separator: " ").map(String.init) } ?? [],
            from: reader.given(.mailFrom) == nil ? nil : reader.value(.mailFrom) { EmailAddress($0) }
        )
        if !mail.sendmail.isEmpty, mail.from == nil { reader.complain(.mailFrom, "is not set, but SENDMAIL is") }
        thriveCart = ThriveCart(
            address: reader.value(.thriveCartAPI, Self.address) ?? "",
            requestsPerMinute: reader.whole(.thriveCartAPIRate, 0...100_000)
        )
        payPal = reader.payPal()
        payPalBooksPerMinute = reader.whole(.payPalBooksRate, 0...100_000)
        renewals = Renewals(
            inTwoSteps: reader.choice(.renewalForm, else: RenewalForm.oneStep) == .twoStep,
            searchesTransactions: reader.value(.renewalSearch) { Bool($0.lowercased()) } ?? false,
            ratePerSecond: reader.whole(.renewalRate, 1...10_000),
            concurrency: reader.whole(.renewalConcurrency, 1...10_000),
            retrySeconds: reader.whole(.renewalRetrySeconds, 1...7200)
        )
        sandbox = Sandbox(
            webhookURLs: reader.value(.sandboxWebhookURLs, Self.addresses) ?? [],
            account: reader.value(.sandboxThriveCartAccount) { $0 } ?? "",
            secret: reader.value(.sandboxThriveCartSecret) { $0 },
            apiKey: reader.value(.sandboxThriveCartAPIKey) { $0 } ?? "",
            productAPI: reader.given(.sandboxProductAPI) == nil ? nil : reader.value(.sandboxProductAPI, Self.address)
        )

        for variable in Variable.allCases where needs.contains(variable) { reader.require(variable) }
        if reader.isSet("SWIFT_DETERMINISTIC_HASHING") {
            // Because whoever can choose keys could then choose ones that collide, and keep us busy with few bytes.
            reader.complain("SWIFT_DETERMINISTIC_HASHING", "is set", advice: "unset it")
        }
        guard reader.problems.isEmpty else { throw SettingsError(problems: reader.problems) }
    }

    private enum Durability: String { case check, trust }
    private enum RenewalForm: String { case oneStep = "one-step", twoStep = "two-step" }

    fileprivate static func address(_ text: String) -> String? {
        guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false,
            url.query == nil, url.fragment == nil, url.user == nil
        else { return nil }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    private static func ranges(_ text: String) -> [IPNetwork]? {
        let parts = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        let ranges = parts.compactMap { IPNetwork($0) }
        return ranges.count == parts.count ? ranges : nil
    }

    /// `fulfillment=4,notifications=2`
    private static func shards(_ text: String) -> [QueueName: Int]? {
        var shards: [QueueName: Int] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let words = part.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            guard words.count == 2, let queue = QueueName(words[0]), let count = Int(words[1]),
                (2...64).contains(count), shards.updateValue(count, forKey: queue) == nil
            else { return nil }
        }
        return shards
    }

    private static func addresses(_ text: String) -> [String]? {
        let parts = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        let addresses = parts.compactMap(address)
        return addresses.count == parts.count ? addresses : nil
    }
}

extension SettingsReader {
    /// Client id, secret and account come together or not at all.
    fileprivate mutating func payPal() -> Settings.PayPal {
        let environment = choice(.payPalEnvironment, else: PayPalEnvironment.sandbox)
        let base = given(.payPalBaseURL) == nil ? nil : value(.payPalBaseURL, Settings.address)
        if base != nil, environment == .live { complain(.payPalBaseURL, "is set beside PAYPAL_ENV=live") }
        let attribution = value(.payPalAttributionID) { $0.utf8.count <= 36 ? $0 : nil } ?? ""
        let roots = given(.payPalWebhookRoots) == nil ? nil : value(.payPalWebhookRoots, Self.text(ofFile:))

        let names: [Variable] = [.payPalClientID, .payPalClientSecret, .payPalPartnerMerchantID]
        let identity = names.map { value($0) { $0 } }
        var settings: PayPalSettings?
        if let id = identity[0], let secret = identity[1], let partner = identity[2] {
            settings = PayPalSettings(
                environment: environment,
                pretendedAt: base,
                clientID: id,
                clientSecret: secret,
                partnerMerchantID: partner,
                attributionID: attribution
            )
        } else if identity.contains(where: { $0 != nil }) {
            for (name, value) in zip(names, identity) where value == nil {
                complain(name, "is not set, but others of PAYPAL_… are")
            }
        }
        return Settings.PayPal(settings: settings, webhookID: value(.payPalWebhookID) { $0 }, roots: roots)
    }

    private static func text(ofFile path: String) -> String? {
        FileManager.default.contents(atPath: path).flatMap { String(validating: $0, as: UTF8.self) }
    }

    fileprivate mutating func require(_ variable: Variable) {
        let isKnown = problems.contains { $0.variable.hasPrefix(variable.rawValue) }
        if !isKnown, given(variable) ?? variable.fallback == nil { complain(variable, "is not set") }
    }
}

/// Shows no secret: addresses without passwords, and the ids of keys.
extension Settings: CustomStringConvertible, CustomReflectable {
    package var description: String {
        "Settings(postgres: \(postgres.map(\.description) ?? "-"), redis: \(redis.map(\.description) ?? "-"), "
            + "keys: \(keys.map(\.description) ?? "-"))"
    }

    package var customMirror: Mirror { Mirror(self, children: ["settings": description]) }
}
