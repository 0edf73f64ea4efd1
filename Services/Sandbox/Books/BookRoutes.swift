internal import Domain
internal import Foundation
internal import HTTPTypes
package import Hummingbird
internal import NIOCore
internal import Sealing
internal import ThriveCart
package import Web

/// ThriveCart's read API, as far as we read it, over the shop's books.
package struct BookRoutes: Sendable {
    let shop: Shop

    package var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .get("thrivecart/api/external/ping", use: ping)
            .get("thrivecart/api/external/products", use: products)
            .get("thrivecart/api/external/bumps", use: bumps)
            .get("thrivecart/api/external/upsells", use: upsells)
            .get("thrivecart/api/external/downsells", use: downsells)
            .get("thrivecart/api/external/transactions", use: transactions)
            .post("thrivecart/api/external/customer", use: customer)
            .get("api/books", use: faults)
            .put("api/books", use: setFaults)
    }

    // MARK: GET /ping

    @Sendable func ping(_ request: Request, _ context: WebContext) async throws -> Response {
        try await answering(request) { _ in
            let address = "https://\(shop.account).thrivecart.com/"
            return [
                "account_name": .text(shop.account), "account_id": "1", "account_version": "pro",
                "account_url": .text(address), "user_id": "1", "user_username": "owner@example.com",
                "user_name": "Sample Owner", "custom_domain_enabled": "false", "custom_domain": .null,
            ]
        }
    }

    // MARK: GET /products, /bumps, /upsells, /downsells

    @Sendable func products(_ request: Request, _ context: WebContext) async throws -> Response {
        try await list(.product, request)
    }
    @Sendable func bumps(_ request: Request, _ context: WebContext) async throws -> Response {
        try await list(.bump, request)
    }
    @Sendable func upsells(_ request: Request, _ context: WebContext) async throws -> Response {
        try await list(.upsell, request)
    }
    @Sendable func downsells(_ request: Request, _ context: WebContext) async throws -> Response {
        try await list(.downsell, request)
    }

    private func list(_ kind: ItemKey.Kind, _ request: Request) async throws -> Response {
        try await answering(request) { _ in
            .list(
                shop.ledger.catalogue.offers.filter { $0.key.kind == kind }.map { offer in
                    [
                        "\(kind.rawValue)_id": .text(offer.key.number), "name": .text(offer.name),
                        "label": .text(offer.name), "status": "2", "statusString": "live", "type": "1",
                        "typeString": "digital",
                    ]
                }
            )
        }
    }

    // MARK: GET /transactions?page&perPage&query&transactionType

    @Sendable func transactions(_ request: Request, _ context: WebContext) async throws -> Response {
        let parameters = request.uri.queryParameters
        let page = parameters["page"].flatMap { Int($0) } ?? 1
        let size = min(max(1, parameters["perPage"].flatMap { Int($0) } ?? 25), 100)
        let kind = parameters["transactionType"].flatMap { SellersBooks.Row.Kind(rawValue: String($0)) }
        let search = parameters["query"].map(String.init) ?? ""
        return try await answering(request) { mode in
            let (rows, total) = await shop.books.page(page, of: size, mode, kind: kind, search: search)
            return ["transactions": .list(rows), "meta": ["total": .number(total), "results": .number(rows.count)]]
        }
    }

    // MARK: POST /customer

    @Sendable func customer(_ request: Request, _ context: WebContext) async throws -> Response {
        let form = String(decoding: try await request.bytes(limit: 64 << 10), as: UTF8.self)
        let email = BodyFields.of(form).first { $0.name == "email" }?.value ?? ""
        return try await answering(request) { mode in
            guard let customer = await shop.books.customer(email, mode) else {
                throw Refusal(.notFound, ["error": "There are no orders associated with this customer."])
            }
            return customer
        }
    }

    // MARK: GET and PUT /api/books

    /// What the account does that it should not: `{"requestsPerMinute":0,"isDown":true,"isEmpty":true,"isForgetful":true}`.
    @Sendable func faults(_ request: Request, _ context: WebContext) async throws -> Response {
        .json(await shop.books.faults)
    }

    /// What is left out is as it is in a healthy account.
    @Sendable func setFaults(_ request: Request, _ context: WebContext) async throws -> Response {
        await shop.books.setFaults(try await request.decode(as: SellersBooks.Faults.self, context: context))
        return .json(await shop.books.faults)
    }

    // MARK: How every question is answered

    private struct Refusal: Error {
        var status: HTTPResponse.Status
        var body: PostValue

        init(_ status: HTTPResponse.Status, _ body: PostValue) {
            self.status = status
            self.body = body
        }
    }

    private func answering(
        _ request: Request,
        _ body: (_ mode: Mode) async throws -> PostValue
    ) async throws -> Response {
        do {
            try await admit(request)
            let mode = request.headers[.mode].flatMap { Mode(rawValue: $0.lowercased()) } ?? .live
            return response(.ok, try await body(mode))
        } catch let refusal as Refusal {
            return response(refusal.status, refusal.body)
        }
    }

    private func admit(_ request: Request) async throws {
        guard let credentials = request.headers[.authorization], credentials.hasPrefix("Bearer ") else {
            throw Refusal(.unauthorized, ["error": "auth.missing"])
        }
        guard ConstantTime.equal(String(credentials.dropFirst("Bearer ".count)), shop.apiKey) else {
            throw Refusal(
                .unauthorized,
                ["error": "invalid_token", "error_description": "The access token provided is invalid"]
            )
        }
        guard await shop.books.admit() else { throw Refusal(.tooManyRequests, ["error": "Too many requests."]) }
        if await shop.books.faults.isDown { throw Refusal(.serviceUnavailable, ["error": "Down for maintenance."]) }
    }

    private func response(_ status: HTTPResponse.Status, _ body: PostValue) -> Response {
        let headers: HTTPFields = [
            .contentType: "application/json", .accountName: shop.account,
            .accountURL: "https://\(shop.account).thrivecart.com/",
        ]
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: body.jsonText)))
    }
}

extension HTTPField.Name {
    fileprivate static let mode = named("X-TC-Mode")
    fileprivate static let accountName = named("X-ThriveCart-Account-Name")
    fileprivate static let accountURL = named("X-ThriveCart-Account-URL")

    private static func named(_ name: String) -> Self {
        guard let field = Self(name) else { preconditionFailure("the names are written here, and are none but tokens") }
        return field
    }
}
