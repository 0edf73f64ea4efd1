import Domain
import Foundation
import Postgres
import Sealing
package import Seeds
import Store
import Synchronization
package import TestKit

/// What stands around a Gatehouse that PayPal's events go to: PayPal's certificate and vault, and the shops that are told.
package final class PayPalGround: Sendable {
    package let lives: [PayPalLife]
    /// What every process is started with.
    package let settings: [String: String]
    /// The shops' handlers, one path for each.
    package let shop: Receiver
    private let payPal: Receiver
    private let vault: Vault
    private let signed: [[String: String]]
    private let secrets = Mutex<[String]>([])
    private let notifications = Mutex<ServerProcess?>(nil)
    private let killed = Mutex(0)

    private static let shops = 3
    private static let webhookID = "4JH86294D6297924G"

    /// - Parameter count: how many events, or some more.
    package init(events count: Int, random: inout SeededRandom) async throws {
        var lives: [PayPalLife] = []
        var sum = 0
        while sum < count {
            lives.append(PayPalLife(lives.count + 1, of: Self.shops, random: &random))
            sum += lives.last?.events.count ?? 1
        }
        self.lives = lives
        let signer = try await PayPalSigner.shared()
        let vault = Vault(lives)
        let certificate = signer.certificates[PayPalSigner.sandboxName] ?? ""
        let payPal = try await Receiver.start { request, _ in vault.answer(request, certificate) }
        let shop = try await Receiver.start { request, _ in
            vault.told(request)
            return .init()
        }
        let roots = try TestDirectory.make("roots") + "/roots.pem"
        try (signer.root + signer.intermediate).write(toFile: roots, atomically: true, encoding: .utf8)
        settings = [
            "PAYPAL_ENV": "sandbox", "PAYPAL_BASE_URL": payPal.url(""), "PAYPAL_CLIENT_ID": "faults",
            "PAYPAL_CLIENT_SECRET": "faults-secret", "PAYPAL_PARTNER_MERCHANT_ID": "FAULTPARTNER2",
            "PAYPAL_WEBHOOK_ID": Self.webhookID, "PAYPAL_WEBHOOK_ROOTS": roots, "OUTBOUND_ALLOW": "127.0.0.0/8",
            "OUTBOUND_PLAIN": "true",
        ]
        signed = try lives.flatMap(\.events).map { event in
            try signer.headers(
                of: Array(event.body.utf8),
                webhookID: Self.webhookID,
                certificateURL: payPal.url("/v1/notifications/certs/CERT-00000001"),
                id: "t-" + event.id
            )
        }
        (self.payPal, self.shop, self.vault) = (payPal, shop, vault)
    }

    package var events: [PayPalLife.Event] { lives.flatMap(\.events) }

    /// The five headers of the event at this place, and its type of content.
    @Sendable package func headers(of index: Int) -> [(String, String)] {
        signed[index].map { ($0.key, $0.value) } + [("content-type", "application/json")]
    }

    package func targets(_ system: Gatehouse) -> [String] {
        system.ingressPorts.map { "http://127.0.0.1:\($0)/webhooks/paypal" }
    }

    // MARK: Before

    /// Connects the shops, writes down what the Product API would have, and lets the shops be told.
    package func open(_ system: Gatehouse) async throws {
        let keys = await system.setting("APP_KEYS") ?? ""
        let sealer = Sealer(try SealingKeys(parsing: keys))
        let store = Store(system.pool)
        var merchants: [Merchant.ID] = []
        for number in 0..<Self.shops {
            let secret = Digest.hex(Digest.sha256("shop \(number)"))
            merchants.append(try await connect(number, secret, sealer, store))
            secrets.withLock { $0.append(secret) }
        }
        try await store.transaction { [lives, merchants] tx in
            for life in lives { try tx.keep(life, of: merchants[life.shop], sealer) }
        }
        try await startNotifications(system)
    }

    private func connect(_ number: Int, _ secret: String, _ sealer: Sealer, _ store: Store) async throws -> Merchant.ID
    {
        let claim = MerchantClaim(
            environment: .sandbox,
            payPalID: PayPalLife.account(number),
            secretHash: Digest.sha256("secret \(number)"),
            siteURL: "https://shop\(number).example",
            webhooksURL: shop.url("/\(number)")
        )
        let connection = try await store.transaction {
            try $0.connectMerchant(
                claim,
                newSecret: { try sealer.seal(secret, for: Merchant.place(ofSecretOf: $0)) },
                at: Date()
            )
        }
        guard case .connected(let merchant) = connection else { throw NotConnected() }
        return merchant.id
    }

    struct NotConnected: Error {}

    // MARK: Meanwhile

    /// `kill -9` on the process that tells shops, and a new one at once; until `isOver`.
    package func hurt(_ system: Gatehouse, every pause: Duration = .seconds(7), until isOver: @Sendable () -> Bool)
        async throws
    {
        while !isOver() {
            try await Task.sleep(for: pause)
            await notifications.withLock { $0 }?.kill()
            killed.withLock { $0 += 1 }
            try await startNotifications(system)
        }
    }

    private func startNotifications(_ system: Gatehouse) async throws {
        let port = try freePort()
        let process = try await system.launch(
            program: "notifications",
            ["NOTIFICATIONS_HEALTH_PORT": "\(port)"]
        )
        notifications.withLock { $0 = process }
    }

    // MARK: Afterwards

    /// Waits until every shop was told everything or nothing more comes, and compares.
    package func reckon(_ system: Gatehouse, within patience: Duration = .seconds(150)) async throws -> PayPalBooks {
        let wanted = lives.reduce(0) { $0 + $1.news.count }
        // Because what is missing then is what the books say.
        try? await eventually(within: patience) { vault.tellings >= wanted }
        return try await PayPalBooks(
            of: lives,
            told: shop.requests,
            secrets: secrets.withLock { $0 },
            toldTooEarly: vault.tooEarly,
            notificationsKilled: killed.withLock { $0 },
            in: system.pool
        )
    }

    package func end() async throws {
        await notifications.withLock { $0 }?.stop(within: .seconds(20))
        try await shop.stop()
        try await payPal.stop()
    }
}

extension Transaction {
    /// As the Product API and the renewals would have left it when PayPal's events come.
    fileprivate func keep(_ life: PayPalLife, of merchant: Merchant.ID, _ sealer: Sealer) throws {
        let now = Date()
        guard let amount = Money("29.00", "USD") else { return }
        if let id = life.subscription {
            let subscription = VaultSubscription(
                id: id,
                merchant: merchant,
                payPalID: "SUB\(life.number)",
                flow: .vaultFirst,
                source: .paypal,
                thriveOrderID: life.thriveOrderID,
                amount: amount,
                frequency: .month,
                interval: "1 month",
                customerID: "buyer\(life.number)",
                createdAt: now
            )
            try insert(subscription)
            _ = try beginActivation(of: id)
            try attachVaultToken(
                try sealer.seal(life.vaultToken, for: VaultSubscription.place(ofTokenOf: id)),
                hash: Digest.sha256(life.vaultToken),
                customerID: "buyer\(life.number)",
                to: id
            )
            _ = try activate(id, as: .active, anchor: now, nextPeriod: 1, nextActionAt: now + 30 * 86_400, at: now)
        }
        guard life.isKnown else { return }
        _ = try save(
            PayPalOrder(
                id: life.orderID,
                merchant: merchant,
                subscription: life.subscription,
                status: "APPROVED",
                amount: amount,
                createdAt: now
            ),
            at: now
        )
    }
}

/// PayPal as far as its events make anybody ask: its certificate, a token, a capture, and payment methods that are deleted.
private final class Vault: Sendable {
    private struct State {
        var deleted: Set<String> = []
        var told: Set<String> = []
        var tooEarly = 0
    }

    private let state = Mutex(State())
    private let byCapture: [String: PayPalLife]
    private let byRefund: [String: PayPalLife]

    init(_ lives: [PayPalLife]) {
        byCapture = Dictionary(uniqueKeysWithValues: lives.map { ($0.captureID, $0) })
        byRefund = Dictionary(
            uniqueKeysWithValues: lives.compactMap { life in
                life.events.first { $0.type == "PAYMENT.CAPTURE.REFUNDED" }.map { ($0.id, life) }
            }
        )
    }

    func answer(_ request: Receiver.Request, _ certificate: String) -> Receiver.Answer {
        let name = request.path.split(separator: "/").last.map(String.init) ?? ""
        if request.path.contains("/certs/") { return .init(body: certificate) }
        if request.path.hasSuffix("/oauth2/token") {
            return json(200, #"{"access_token":"A21AAfaults","token_type":"Bearer","expires_in":32400}"#)
        }
        if request.path.contains("/payments/captures/"), let life = byCapture[name] {
            return json(200, life.captureNow)
        }
        if request.path.contains("/vault/payment-tokens/") {
            let isNew = state.withLock { $0.deleted.insert(name).inserted }
            return isNew ? .init(status: 204, body: "") : json(404, #"{"name":"RESOURCE_NOT_FOUND"}"#)
        }
        return json(404, #"{"name":"RESOURCE_NOT_FOUND"}"#)
    }

    private func json(_ status: Int, _ body: String) -> Receiver.Answer {
        .init(status: status, headers: [("content-type", "application/json")], body: body)
    }

    /// A shop hears: the first time of each is counted, and a refund must not come before its payment method is gone.
    func told(_ request: Receiver.Request) {
        guard let id = PayPalBooks.event(in: request.body) else { return }
        state.withLock { state in
            guard state.told.insert(id).inserted else { return }
            if let life = byRefund[id], life.subscription != nil, !state.deleted.contains(life.vaultToken) {
                state.tooEarly += 1
            }
        }
    }

    var tellings: Int { state.withLock { $0.told.count } }
    var tooEarly: Int { state.withLock { $0.tooEarly } }
}
