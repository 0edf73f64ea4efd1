package import AsyncHTTPClient
package import Domain
import Foundation
import NIOCore
import NIOHTTP1

/// One account's books at ThriveCart, read only.
///
/// 60 requests a minute are all that an account has, so whoever makes one says how to wait for a turn. What may go away on
/// its own (429, 5xx, no answer) is tried again a few times; `Retry-After` is honoured. Source: apidocs.thrivecart.com.
package struct ThriveCartAPI: Sendable {
    package static let address = "https://thrivecart.com/api/external"
    /// The most that a page holds.
    package static let pageSize = 100

    private let key: String
    private let mode: Mode
    private let address: String
    private let client: HTTPClient
    private let turn: @Sendable () async throws -> Void
    private let patience: Patience

    /// How long to wait for what may go away on its own.
    package struct Patience: Sendable {
        package var tries = 5
        /// Doubled after each failure.
        package var wait = Duration.seconds(1)
        /// After 429 without a word about when.
        package var afterLimit = Duration.seconds(20)
        package var answer = Duration.seconds(30)

        package init() {}
    }

    /// - Parameters:
    ///   - address: without a slash at the end.
    ///   - turn: returns when a request may be made; called before each.
    package init(
        key: String,
        mode: Mode,
        address: String = Self.address,
        client: HTTPClient,
        patience: Patience = Patience(),
        turn: @escaping @Sendable () async throws -> Void
    ) {
        self.key = key
        self.mode = mode
        self.address = address
        self.client = client
        self.patience = patience
        self.turn = turn
    }

    // MARK: The questions

    /// The name of the account that the key belongs to, lower case.
    package func account() async throws -> String {
        let answer = try await answer(.GET, "/ping")
        guard let name = answer["account_name"]?.words else { throw ThriveCartAPIError.unreadable("ping") }
        return name.lowercased()
    }

    /// The account's products, for linking plans.
    package func products() async throws -> [(number: String, name: String)] {
        try await answer(.GET, "/products").values.compactMap { product in
            product["product_id"]?.words.map { ($0, product["name"]?.words ?? "") }
        }
    }

    /// A page of transactions, the newest first, from 1; an empty one is behind the last.
    ///
    /// Rows that are booked meanwhile push the others back: a page that is read later may begin with what stood before.
    /// - Parameter search: only rows in which the account's own search finds this, such as an address.
    package func transactions(page: Int, search: String? = nil) async throws -> TransactionPage {
        var query = "/transactions?page=\(page)&perPage=\(Self.pageSize)&transactionType=any"
        if let search { query += "&query=" + Self.encoded(search) }
        let answer = try await answer(.GET, query)
        guard case .list(let rows)? = answer["transactions"] else {
            throw ThriveCartAPIError.unreadable("transactions")
        }
        return TransactionPage(rows: rows.filter(\.isMap), total: answer["meta"]?["total"]?.words.flatMap { Int($0) })
    }

    /// What the account knows of a buyer; nil when it knows of no order by this address.
    package func customer(_ email: EmailAddress) async throws -> ThriveCartCustomer? {
        do {
            let answer = try await answer(.POST, "/customer", form: "email=" + Self.encoded(email.original))
            guard answer.isMap else { throw ThriveCartAPIError.unreadable("customer") }
            return ThriveCartCustomer(answer)
        } catch ThriveCartAPIError.refused(404, let code) where code.hasPrefix("There are no orders") {
            return nil
        }
    }

    // MARK: How they are asked

    private func answer(_ method: HTTPMethod, _ path: String, form: String? = nil) async throws -> PostValue {
        var wait = patience.wait
        var last = ThriveCartAPIError.unreachable("not asked")
        for attempt in 1...max(1, patience.tries) {
            try await turn()
            let answer: Raw
            do {
                answer = try await ask(method, path, form: form)
            } catch let error as HTTPClientError {
                last = .unreachable(error.shortDescription)
                if attempt < patience.tries { try await Task.sleep(for: wait) }
                wait *= 2
                continue
            } catch let error where !(error is CancellationError || error is ThriveCartAPIError) {
                last = .unreachable("\(type(of: error))")
                if attempt < patience.tries { try await Task.sleep(for: wait) }
                wait *= 2
                continue
            }
            switch answer.status {
            case 200..<300:
                if let value = PostValue(json: answer.body) { return value }
                last = .notJSON(status: answer.status)
                if attempt < patience.tries { try await Task.sleep(for: wait) }
                wait *= 2
            case 401, 403: throw ThriveCartAPIError.unauthorized
            case 429:
                last = .limited
                if attempt < patience.tries { try await Task.sleep(for: answer.retryAfter ?? patience.afterLimit) }
            case 500...:
                last = .outage(status: answer.status)
                if attempt < patience.tries { try await Task.sleep(for: answer.retryAfter ?? wait) }
                wait *= 2
            default:
                let code = PostValue(json: answer.body)?["error"]?.words ?? "no reason"
                throw ThriveCartAPIError.refused(status: answer.status, code: String(code.prefix(100)))
            }
        }
        throw last
    }

    private struct Raw {
        var status: Int
        var retryAfter: Duration?
        var body: [UInt8]
    }

    private func ask(_ method: HTTPMethod, _ path: String, form: String?) async throws -> Raw {
        var request = HTTPClientRequest(url: address + path)
        request.method = method
        request.headers.add(name: "authorization", value: "Bearer \(key)")
        request.headers.add(name: "x-tc-mode", value: mode.rawValue)
        request.headers.add(name: "accept", value: "application/json")
        if let form {
            request.headers.add(name: "content-type", value: "application/x-www-form-urlencoded")
            request.body = .bytes(ByteBuffer(string: form))
        }
        let seconds = patience.answer.components.seconds
        let response = try await client.execute(request, timeout: .seconds(max(1, seconds)))
        let body = try await response.body.collect(upTo: 8 << 20)
        return Raw(
            status: Int(response.status.code),
            retryAfter: response.headers.first(name: "retry-after").flatMap { Int($0) }
                .map { .seconds(min(max($0, 1), 300)) },
            body: Array(body.readableBytesView)
        )
    }

    private static func encoded(_ text: String) -> String {
        var allowed = CharacterSet.alphanumerics
        allowed.formIntersection(CharacterSet(charactersIn: Unicode.Scalar(0)..."\u{7F}"))
        allowed.insert(charactersIn: "-._")
        // Because only text that is no Unicode can't be encoded, and a String always is.
        return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
    }
}

extension ThriveCartAPI: CustomStringConvertible {
    /// Without the key.
    package var description: String { "ThriveCartAPI(\(address), \(mode.rawValue))" }
}

/// One page of the books.
package struct TransactionPage: Sendable {
    /// As they came; `BookEntry` reads them.
    package var rows: [PostValue]
    /// How many there are in all, where the answer says so.
    package var total: Int?
}
