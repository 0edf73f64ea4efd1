import AsyncHTTPClient
import FaultKit
import Foundation
import NIOCore
import NIOHTTP1
import Postgres
import Store
import Synchronization
import TestKit

/// 200 requests a second, half of them orders that are created, half of them orders that are captured, from one shop by one
/// Product API at one PayPal; beside the same calls sent straight to that PayPal.
///
/// The sender does not wait for answers, and each request's time counts from when it was meant to be sent. What is ours is
/// that time less the time that PayPal itself needed for the same request, by PayPal's own book.
struct ProductAPIBench {
    var seconds: Double

    private static let perSecond = 200.0

    func run() async throws -> [Figure] {
        let ground = try await ProductAPIGround()
        _ = try await OpenLoop(perSecond: Self.perSecond, seconds: 3).run(ground.api)  // warm
        let direct = try await OpenLoop(perSecond: Self.perSecond, seconds: seconds).run(ground.straight)
        let book = PayPalBook(ground)
        async let reading: Void = book.read()
        let pace = Stopwatch(with: [ground.productAPI.pid])
        let own = Stopwatch.ownCPU()
        let ours = try await OpenLoop(perSecond: Self.perSecond, seconds: seconds).run(ground.api)
        let cpu = pace.read().cpu - (Stopwatch.ownCPU() - own)
        book.isOver.store(true, ordering: .relaxed)
        try await reading
        let share = book.share(of: ours)
        try await ground.stop()

        let sent = ours.answers.count
        let figure = Figure.Reading(
            by: "own share, \(sent) requests, \(ours.failures) errors; with PayPal p50 "
                + "\(ours.total.percentile(0.5).rounded(to: 2)) ms, p99 \(ours.total.percentile(0.99).rounded(to: 2)) ms",
            value: share.percentile(0.99),
            unit: "ms at p99",
            cpu: cpu / Double(max(1, sent)) * 1e6,
            p50: share.percentile(0.5),
            p99: share.percentile(0.99)
        )
        let yardstick = Figure.Reading(
            by: "straight to PayPal, \(direct.answers.count) requests, \(direct.failures) errors",
            value: direct.total.percentile(0.99),
            unit: "ms at p99",
            p50: direct.total.percentile(0.5),
            p99: direct.total.percentile(0.99)
        )
        return [
            Figure(
                name: "create and capture orders, \(Int(Self.perSecond)) requests/s for \(Int(seconds)) s",
                ours: figure,
                yardstick: yardstick,
                goal: (
                    "no error, own share under 15 ms at p99",
                    ours.failures == 0 && share.count == sent && figure.value < 15
                )
            )
        ]
    }
}

/// Sends at a fixed rate, whatever comes back.
struct OpenLoop: Sendable {
    var perSecond: Double
    var seconds: Double

    struct Outcome: Sendable {
        /// By request id: milliseconds from when it was meant to be sent.
        var answers: [String: Double] = [:]
        var failures = 0

        var total: Samples { Samples(milliseconds: Array(answers.values)) }
    }

    /// How a shop makes an order and takes its money.
    struct Shop: Sendable {
        /// Answers the order's id.
        var create: @Sendable (_ requestID: String) async throws -> String
        /// What the buyer does; nobody's time.
        var approve: @Sendable (_ order: String) async throws -> Void
        var capture: @Sendable (_ order: String, _ requestID: String) async throws -> Void
    }

    /// Between an order and its capture, in requests.
    private static let distance = 100

    func run(_ shop: Shop) async throws -> Outcome {
        let count = Int(perSecond * seconds)
        let run = UInt32.random(in: 0 ... .max)
        let orders = Orders(count)
        let start = ContinuousClock.now + .milliseconds(50)
        return await withTaskGroup(of: (String, Double?).self) { group in
            for number in 0..<count {
                let moment = start + .seconds(Double(number) / perSecond)
                // Because being cancelled means that nobody waits for the figures.
                try? await Task.sleep(until: moment, clock: .continuous)
                let isCapture = number % 2 == 1 && number > Self.distance
                let id = "\(isCapture ? "cap" : "new")-\(run)-\(number)"
                group.addTask {
                    do {
                        if isCapture {
                            let order = try await orders.value(number - 1 - Self.distance)
                            try await shop.capture(order, id)
                            return (id, (.now - moment) / .milliseconds(1))
                        }
                        let order = try await shop.create(id)
                        let took = (.now - moment) / .milliseconds(1)
                        try await shop.approve(order)
                        orders.keep(.success(order), number)
                        return (id, took)
                    } catch {
                        orders.keep(.failure(error), number)
                        return (id, nil)
                    }
                }
            }
            return await group.reduce(into: Outcome()) { outcome, answer in
                outcome.answers[answer.0] = answer.1
                if answer.1 == nil { outcome.failures += 1 }
            }
        }
    }
}

/// Orders as they become ready, for whoever waits for one.
private final class Orders: Sendable {
    private struct Place {
        var result: Result<String, any Error>?
        var waiting: CheckedContinuation<String, any Error>?
    }
    private let places: Mutex<[Place]>

    init(_ count: Int) {
        places = Mutex(Array(repeating: Place(), count: count))
    }

    func keep(_ result: Result<String, any Error>, _ number: Int) {
        let waiting = places.withLock { places in
            guard places[number].result == nil else { return nil as CheckedContinuation<String, any Error>? }
            places[number].result = result
            return places[number].waiting
        }
        waiting?.resume(with: result)
    }

    func value(_ number: Int) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            let result = places.withLock { places in
                if places[number].result == nil { places[number].waiting = continuation }
                return places[number].result
            }
            if let result { continuation.resume(with: result) }
        }
    }
}

/// What PayPal's own book says of how long each request took it.
private final class PayPalBook: Sendable {
    let isOver = Atomic(false)
    private let ground: ProductAPIGround
    private let took = Mutex<[String: Double]>([:])

    init(_ ground: ProductAPIGround) {
        self.ground = ground
    }

    private struct Page: Decodable {
        struct Entry: Decodable {
            var number: Int
            var request_id: String?
            var micros: Double?
        }
        var requests: [Entry]
    }

    /// Reads on while the load lasts: the book forgets.
    func read() async throws {
        var last = 0
        while true {
            let isLast = isOver.load(ordering: .relaxed)
            let text = try await ground.ask(.GET, ground.payPal + "/_sandbox/requests?after=\(last)&limit=5000")
            for entry in try JSONDecoder().decode(Page.self, from: text).requests {
                last = max(last, entry.number)
                guard let id = entry.request_id, let micros = entry.micros else { continue }
                took.withLock { $0[id, default: 0] += micros / 1000 }
            }
            if isLast { return }
            try await Task.sleep(for: .seconds(1))
        }
    }

    func share(of outcome: OpenLoop.Outcome) -> Samples {
        let took = took.withLock { $0 }
        return Samples(milliseconds: outcome.answers.compactMap { id, total in took[id].map { max(0, total - $0) } })
    }
}
