import AsyncHTTPClient
import Domain
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import ReconciliationJobs
import Synchronization
import ThriveCart
import Web

/// The shop's read API with somebody in between, who answers in its place or does something meanwhile.
struct OddBooks: Sendable {
    struct Question: Sendable {
        /// `transactions`, `customer` or `ping`.
        var name: String
        /// With the query.
        var path: String
        var body: String
        var page: Int? { path.firstMatch(of: /[?&]page=([0-9]+)/).flatMap { Int($0.1) } }
    }

    struct Answer: Sendable {
        var status = 200
        var retryAfter: Int?
        var body: String

        /// A page of transactions.
        static func page(_ rows: [PostValue], total: Int) -> Answer {
            let body: PostValue = ["transactions": .list(rows), "meta": ["total": .number(total)]]
            return Answer(body: String(decoding: body.jsonText, as: UTF8.self))
        }
    }

    /// Nil is the shop's own answer.
    typealias Answering = @Sendable (Question) async throws -> Answer?

    let address: String
    let answer: Answering

    var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .get("ping", use: pass)
            .get("transactions", use: pass)
            .post("customer", use: pass)
    }

    @Sendable func pass(_ request: Request, _ context: WebContext) async throws -> Response {
        let body = String(decoding: try await request.bytes(limit: 64 << 10), as: UTF8.self)
        let path = request.uri.string
        let name = String(path.dropFirst().prefix { $0 != "?" })
        if let answer = try await answer(Question(name: name, path: path, body: body)) {
            var headers: HTTPFields = [.contentType: "text/html"]
            if let seconds = answer.retryAfter { headers[.retryAfter] = String(seconds) }
            return Response(
                status: .init(code: answer.status),
                headers: headers,
                body: .init(byteBuffer: ByteBuffer(string: answer.body))
            )
        }
        var own = HTTPClientRequest(url: address + path)
        own.method = request.method == .post ? .POST : .GET
        for field in request.headers
        where ["authorization", "x-tc-mode", "content-type"].contains(field.name.canonicalName) {
            own.headers.add(name: field.name.canonicalName, value: field.value)
        }
        if request.method == .post { own.body = .bytes(ByteBuffer(string: body)) }
        let response = try await HTTPClient.shared.execute(own, timeout: .seconds(30))
        return Response(
            status: .init(code: Int(response.status.code)),
            body: .init(byteBuffer: try await response.body.collect(upTo: 8 << 20))
        )
    }
}

extension BookShop {
    /// The same shop, whose books are read through somebody who may answer in their place.
    func answering(_ answer: @escaping OddBooks.Answering, _ body: @Sendable (BookShop) async throws -> Void)
        async throws
    {
        try await withServer([OddBooks(address: dependencies.thriveCart, answer: answer).routes]) { port in
            var odd = dependencies
            odd.thriveCart = "http://127.0.0.1:\(port)"
            let shop = BookShop(shop: shop, site: site, store: store, dependencies: odd, requests: requests)
            try await body(shop)
        }
    }
}

/// Lets something happen once.
final class Once: Sendable {
    private let isDone = Mutex(false)

    func callAsFunction() -> Bool {
        isDone.withLock { isDone in
            defer { isDone = true }
            return !isDone
        }
    }
}
