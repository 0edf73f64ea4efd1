import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import SandboxPages
import TestKit
import Web

/// A sandbox that serves on a free port, with a receiver as its only destination.
struct RunningShop: Sendable {
    let receiver: Receiver
    let shop: Shop
    /// `http://127.0.0.1:…` of the sandbox, and of the receiver.
    let address: String
    let target: String

    static let secret = "TESTSECRET00"

    // MARK: Asking it

    struct Answer: Sendable {
        var status: Int
        var headers: HTTPHeaders
        var text: String

        /// `answer["items"][0]["paid"]` and its like; nil where nothing is.
        var json: Any? { try? JSONSerialization.jsonObject(with: Data(text.utf8)) }  // Because some answers are pages.

        subscript(_ path: any Hashable...) -> Any? {
            path.reduce(json) { value, step in
                switch step {
                case let name as String: (value as? [String: Any])?[name]
                case let index as Int: (value as? [Any]).flatMap { $0.indices.contains(index) ? $0[index] : nil }
                default: nil
                }
            }
        }
    }

    func ask(_ method: HTTPMethod, _ path: String, _ body: String? = nil, headers: HTTPHeaders = [:]) async throws
        -> Answer
    {
        var request = HTTPClientRequest(url: address + path)
        request.method = method
        request.headers = headers
        if let body {
            let isJSON = body.hasPrefix("{")
            request.headers.add(
                name: "Content-Type",
                value: isJSON ? "application/json" : "application/x-www-form-urlencoded"
            )
            request.body = .bytes(ByteBuffer(string: body))
        }
        let response = try await Self.client.execute(request, timeout: .seconds(10))
        let bytes = try await response.body.collect(upTo: 4 << 20)
        return Answer(status: Int(response.status.code), headers: response.headers, text: String(buffer: bytes))
    }

    /// Redirects are looked at, not followed.
    private static let client = HTTPClient(configuration: .init(redirectConfiguration: .disallow))

    /// Buys by the API; the order's number.
    func buy(_ fields: String = "") async throws -> String {
        let body = #"{"email":"Ana.Sample@example.com"\#(fields.isEmpty ? "" : "," + fields)}"#
        let answer = try await ask(.POST, "/api/orders", body)
        guard let id = answer["id"] as? String else { throw Refused(answer: answer) }
        return id
    }

    @discardableResult
    func change(_ order: String, _ change: String, _ body: String? = nil) async throws -> Answer {
        try await ask(.POST, "/api/orders/\(order)/\(change)", body)
    }

    /// Waits until that many webhooks have come.
    func webhooks(_ count: Int) async throws -> [Receiver.Received] {
        try await eventually { receiver.webhooks.count >= count }
        return receiver.webhooks
    }

    struct Refused: Error {
        var answer: Answer
    }
}

/// Runs a sandbox while `body` runs.
///
/// - Parameters:
///   - others: destinations that come before the receiver.
///   - retries: how long it waits before it sends again what was refused.
func withShop(
    _ surface: Destination.Surface = .account,
    _ encoding: Destination.Encoding = .form,
    besides others: [Destination] = [],
    retries: [Duration] = [],
    _ body: @Sendable (RunningShop) async throws -> Void
) async throws {
    let receiver = Receiver()
    try await withServer([receiver.routes]) { receiverPort in
        let target = "http://127.0.0.1:\(receiverPort)"
        let destination = Destination(url: target + "/hook", surface: surface, encoding: encoding)
        let postman = Postman(destinations: others + [destination], retries: retries, logger: CapturedLog().logger)
        let shop = Shop(
            account: "demoshop",
            secret: RunningShop.secret,
            postman: postman,
            numbers: ShopNumbers(first: 40_000_001)
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await postman.run() }
            try await withServer(try SandboxRoutes(shop: shop).collections) { port in
                let address = "http://127.0.0.1:\(port)"
                try await body(RunningShop(receiver: receiver, shop: shop, address: address, target: target))
            }
            group.cancelAll()
        }
    }
}
