internal import AsyncHTTPClient
internal import Foundation
package import Logging
internal import NIOCore
internal import NIOHTTP1
internal import ServiceLifecycle

/// Sends webhooks and keeps a book of every delivery.
///
/// To one destination they leave one after the other, in the order in which things happened, unless `faults` say otherwise.
/// One that fails is sent again later, with the same bytes; the others do not wait for it.
package actor Postman: Service {
    package private(set) var destinations: [Destination]
    /// Oldest first.
    package private(set) var deliveries: [Delivery] = []
    private var mischief = Mischief(.none)
    /// Deliveries ever, and those of them that were dropped on purpose or given up.
    package private(set) var made = 0
    package private(set) var dropped = 0
    package private(set) var givenUp = 0
    private let retries: [Duration]
    private let logger: Logger
    private let outgoing = AsyncStream.makeStream(of: Mischief.Parcel.self)
    private let client: HTTPClient

    /// Deliveries that are kept; the oldest is forgotten first.
    private static let limit = 2000
    private static let patience = TimeAmount.seconds(10)

    /// - Parameter retries: how long to wait after each failure; ThriveCart does not say what its own schedule is.
    package init(
        destinations: [Destination],
        retries: [Duration] = [.seconds(2), .seconds(10), .seconds(60), .seconds(300)],
        logger: Logger
    ) {
        self.destinations = destinations
        self.retries = retries
        self.logger = logger
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.retryConnectionEstablishment = false  // who does not listen is told of at once
        client = HTTPClient(configuration: configuration)
    }

    // MARK: What is sent

    /// Hands over letters in the order of what happened; answers at once.
    package func send(_ letters: [Letter]) {
        var new: [Delivery.ID] = []
        for letter in letters {
            for destination in destinations where destination.surface == letter.surface {
                new.append(enter(letter, for: destination))
            }
        }
        let (sent, lost) = mischief.parcels(for: new)
        for id in lost { update(id) { $0.state = .lost } }
        dropped += lost.count
        for parcel in sent { post(parcel) }
    }

    /// Sends the same bytes once more, whatever became of them.
    package func resend(_ id: Delivery.ID) -> Bool {
        guard delivery(id) != nil else { return false }
        update(id) { $0.state = .waiting }
        post(.init(delivery: id, wait: .zero, keepsItsPlace: false))
        return true
    }

    private func enter(_ letter: Letter, for destination: Destination) -> Delivery.ID {
        made += 1
        let webhookID = UUID().uuidString.lowercased()
        deliveries.append(
            Delivery(
                id: made,
                order: letter.order,
                event: letter.event,
                destination: destination,
                webhookID: webhookID,
                body: letter.body(destination.encoding, webhookID),
                madeAt: Date()
            )
        )
        if deliveries.count > Self.limit { deliveries.removeFirst() }
        return made
    }

    private func post(_ parcel: Mischief.Parcel) {
        update(parcel.delivery) { $0.underway += 1 }
        outgoing.continuation.yield(parcel)
    }

    // MARK: Sending

    /// Sends until the process is told to stop; what is on its way then is given up, the sandbox keeps nothing anyhow.
    package func run() async throws {
        await withDiscardingTaskGroup { group in
            var lanes: [String: AsyncStream<Mischief.Parcel>.Continuation] = [:]
            for await parcel in outgoing.stream.cancelOnGracefulShutdown() {
                guard parcel.keepsItsPlace, let url = delivery(parcel.delivery)?.destination.url else {
                    group.addTask { await self.carry(parcel) }
                    continue
                }
                if let lane = lanes[url] {
                    lane.yield(parcel)
                    continue
                }
                let (stream, lane) = AsyncStream.makeStream(of: Mischief.Parcel.self)
                lanes[url] = lane
                lane.yield(parcel)
                group.addTask { for await parcel in stream { await self.carry(parcel) } }
            }
            group.cancelAll()
        }
        try await client.shutdown()
    }

    private func carry(_ parcel: Mischief.Parcel) async {
        // Because being cancelled means that the process ends, and then nothing is sent any more.
        guard (try? await Task.sleep(for: parcel.wait)) != nil, let delivery = delivery(parcel.delivery) else { return }
        let attempt = await attempt(delivery)
        update(parcel.delivery) {
            $0.attempts.append(attempt)
            $0.underway -= 1
            if attempt.succeeded { $0.state = .delivered }
        }
        guard !attempt.succeeded, !Task.isCancelled else { return }
        logger.info(
            "Webhook not accepted",
            metadata: ["delivery": "\(delivery.id)", "status": "\(attempt.status ?? 0)"]
        )
        retry(parcel.delivery)
    }

    private func retry(_ id: Delivery.ID) {
        guard let delivery = delivery(id), delivery.state != .delivered, delivery.underway == 0 else { return }
        let failures = delivery.attempts.count - 1
        guard failures < retries.count else {
            givenUp += 1
            return update(id) { $0.state = .failed }
        }
        post(.init(delivery: id, wait: retries[failures], keepsItsPlace: false))
    }

    private func attempt(_ delivery: Delivery) async -> DeliveryAttempt {
        let began = ContinuousClock.now
        var request = HTTPClientRequest(url: delivery.destination.url)
        request.method = .POST
        request.headers = ["Content-Type": delivery.contentType, "User-Agent": "ThriveCart (sandbox)"]
        request.body = .bytes(ByteBuffer(bytes: delivery.body))
        let (status, answer) = await ask(request)
        let milliseconds = Int(began.duration(to: .now) / .milliseconds(1))
        return DeliveryAttempt(at: Date(), milliseconds: milliseconds, status: status, answer: answer)
    }

    private func ask(_ request: HTTPClientRequest) async -> (status: Int?, answer: String) {
        do {
            let response = try await client.execute(request, timeout: Self.patience)
            let answer = try? await response.body.collect(upTo: 64 << 10)  // Because the status says enough.
            return (Int(response.status.code), String(String(buffer: answer ?? ByteBuffer()).prefix(1024)))
        } catch let error as HTTPClientError {
            return (nil, "\(error.shortDescription)")
        } catch {
            return (nil, "no connection")
        }
    }

    // MARK: The book

    package func delivery(_ id: Delivery.ID) -> Delivery? {
        index(of: id).map { deliveries[$0] }
    }

    /// Nothing is left to send, but retries that wait for their time.
    package var isIdle: Bool {
        deliveries.allSatisfy { $0.underway == 0 || !$0.attempts.isEmpty }
    }

    /// Waits until nothing is left to send, so that a page can show the answers; at most so long.
    package func settle(within patience: Duration) async {
        let deadline = ContinuousClock.now + patience
        while !isIdle, .now < deadline {
            // Because being cancelled means that nobody waits for the page any more.
            guard (try? await Task.sleep(for: .milliseconds(10))) != nil else { return }
        }
    }

    package func forgetDeliveries() {
        deliveries = []
    }

    private func update(_ id: Delivery.ID, _ change: (inout Delivery) -> Void) {
        if let index = index(of: id) { change(&deliveries[index]) }
    }

    /// Ids count up, so the place follows from the first one's.
    private func index(of id: Delivery.ID) -> Int? {
        guard let first = deliveries.first?.id else { return nil }
        let index = id - first
        return deliveries.indices.contains(index) ? index : nil
    }

    // MARK: Faults

    package var faults: Faults { mischief.faults }

    package func setFaults(_ faults: Faults) {
        mischief = Mischief(faults)
    }

    // MARK: Registering a destination

    /// Pings the address as ThriveCart does, with HEAD and with an empty POST, and takes it only if both say 2xx.
    package func register(_ destination: Destination) async -> Registration {
        guard let url = URL(string: destination.url), ["http", "https"].contains(url.scheme), url.host != nil else {
            return Registration(head: nil, post: nil, isRegistered: false)
        }
        var request = HTTPClientRequest(url: destination.url)
        request.method = .HEAD
        let head = await ask(request).status
        request.method = .POST
        let post = await ask(request).status
        let answers = [head, post].map { $0.map { (200..<300).contains($0) } ?? false }
        let registration = Registration(head: head, post: post, isRegistered: answers == [true, true])
        if registration.isRegistered {
            destinations.removeAll { $0.url == destination.url && $0.surface == destination.surface }
            destinations.append(destination)
        }
        return registration
    }

    package func remove(_ destination: Destination) {
        destinations.removeAll { $0.url == destination.url && $0.surface == destination.surface }
    }
}

/// How a destination answered the ping; nil where it did not answer.
package struct Registration: Sendable, Hashable, Encodable {
    package var head: Int?
    package var post: Int?
    package var isRegistered: Bool
}
