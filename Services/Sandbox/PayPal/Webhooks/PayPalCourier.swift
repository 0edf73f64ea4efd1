internal import AsyncHTTPClient
internal import Foundation
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import ServiceLifecycle
internal import Synchronization

/// Delivers webhooks: each try signed anew, the body the same.
final class PayPalCourier: Sendable {
    private let wakes = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    private let logger: Logger
    private let alarm = Mutex<ContinuousClock.Instant?>(nil)
    private let underway = Mutex(0)

    /// As many at once.
    private static let lanes = 32
    private static let patience = TimeAmount.seconds(30)

    init(logger: Logger) {
        self.logger = logger
    }

    /// There is something to send, or the clock was moved.
    func wake() {
        wakes.continuation.yield()
    }

    /// Sends until it is cancelled or told to stop.
    func run(_ sandbox: PayPalSandbox) async {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.retryConnectionEstablishment = false  // who does not listen is told of at once
        let client = HTTPClient(configuration: configuration)
        wake()
        await withDiscardingTaskGroup { group in
            for await _ in wakes.stream.cancelOnGracefulShutdown() {
                let free = Self.lanes - underway.withLock { $0 }
                let (parcels, next) = sandbox.takeDeliveries(limit: free)
                underway.withLock { $0 += parcels.count }
                for parcel in parcels {
                    group.addTask {
                        let status = await self.send(parcel, by: client)
                        sandbox.settle(parcel, status: status)
                        self.underway.withLock { $0 -= 1 }
                        self.wake()
                    }
                }
                guard parcels.isEmpty, let next, let at = setAlarm(next) else { continue }
                group.addTask {
                    // Because being cancelled means that nobody waits any more.
                    try? await Task.sleep(until: at)
                    self.wake()
                }
            }
            group.cancelAll()
        }
        // Because what is under way when we end is of no use to anybody.
        try? await client.shutdown()
    }

    /// When to wake up once more; nil where an earlier alarm does.
    private func setAlarm(_ wait: Duration) -> ContinuousClock.Instant? {
        let at = ContinuousClock.now + max(wait, .milliseconds(5))
        return alarm.withLock { alarm in
            if let alarm, alarm <= at, alarm > .now { return nil }
            alarm = at
            return at
        }
    }

    // MARK: One try

    struct Parcel: Sendable {
        var delivery: PayPalDelivery
        var body: [UInt8]
        var leaf: SigningAuthority.Leaf
        var certificateURL: String
        var time: String
    }

    /// The status of the answer; nil where none came.
    private func send(_ parcel: Parcel, by client: HTTPClient) async -> Int? {
        let id = UUID().uuidString.lowercased()
        let message = WebhookSignature.message(
            id: id,
            time: parcel.time,
            webhook: parcel.delivery.webhook,
            body: parcel.body
        )
        do {
            var request = HTTPClientRequest(url: parcel.delivery.url)
            request.method = .POST
            request.headers = [
                "Content-Type": "application/json",
                "User-Agent": "PayPal/AUHD-214.0 (sandbox)",
                "PAYPAL-TRANSMISSION-ID": id,
                "PAYPAL-TRANSMISSION-TIME": parcel.time,
                "PAYPAL-TRANSMISSION-SIG": try WebhookSignature.sign(message, parcel.leaf.key),
                "PAYPAL-CERT-URL": parcel.certificateURL,
                "PAYPAL-AUTH-ALGO": "SHA256withRSA",
                "PAYPAL-AUTH-VERSION": "v2",
            ]
            request.body = .bytes(ByteBuffer(bytes: parcel.body))
            let response = try await client.execute(request, timeout: Self.patience)
            _ = try? await response.body.collect(upTo: 64 << 10)  // Because the status says enough.
            return Int(response.status.code)
        } catch {
            logger.debug("Webhook not delivered", metadata: ["delivery": "\(parcel.delivery.number)"])
            return nil
        }
    }
}

extension PayPalSandbox {
    /// What is to be sent now, and how long to wait for more.
    fileprivate func takeDeliveries(limit: Int) -> (parcels: [PayPalCourier.Parcel], wait: Duration?) {
        withBooks { books in
            guard let leaf = books.authority?.leaves.last else { return ([], nil) }
            let parcels = books.deliveries.take(at: books.now, limit: limit).compactMap { delivery in
                books.events[delivery.event].map { event in
                    PayPalCourier.Parcel(
                        delivery: delivery,
                        body: event.body,
                        leaf: leaf,
                        certificateURL: "\(delivery.base)/v1/notifications/certs/\(leaf.id)",
                        time: PayPalTime.utc(books.now)
                    )
                }
            }
            let next = [books.deliveries.next, books.later.next].compactMap { $0 }.min()
            return (parcels, next.map { .seconds(min($0.timeIntervalSince(books.now), 86_400)) })
        }
    }

    fileprivate func settle(_ parcel: PayPalCourier.Parcel, status: Int?) {
        withBooks { $0.deliveries.settle(parcel.delivery.number, status: status, at: $0.now) }
    }
}
