internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import PayPal
internal import Store
internal import Web

/// Domains whose checkout may show Apple Pay.
struct DomainRoutes: Sendable {
    let api: ProductAPI

    var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .post("merchant/domains", use: register)
            .get("merchant/domains", use: list)
            .delete("merchant/domains/:domain", use: unregister)
    }

    // MARK: POST /merchant/domains

    /// 201 with PayPal's resource as it is.
    ///
    /// Errors: 401, 422 with fields, 422 `DOMAIN_ALREADY_REGISTERED`, which is as good as success, and
    /// `DOMAIN_REGISTERED_WITH_ANOTHER_MERCHANT`, which is not; 503.
    @Sendable func register(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await api.merchant(request)
        var fields = Fields(try await api.json(request))
        let text = fields.text("domain", upTo: 255)
        if let text, Self.domain(text) == nil {
            fields.complain("domain", "The domain field must be a domain name, such as shop.example.com.")
        }
        try fields.check()
        guard let domain = text.flatMap(Self.domain) else { throw ShopError(fields: []) }

        switch await api.payPal.registerWalletDomain(domain, of: merchant.payPalID) {
        case .answered(let json, let trace):
            try await keep(domain, merchant)
            return .shop(json, .created, debugID: trace.anyDebugID)
        case .rejected(let rejection) where rejection.has("DOMAIN_ALREADY_REGISTERED"):
            try await keep(domain, merchant)
            throw Self.refused("The domain is registered already.", "DOMAIN_ALREADY_REGISTERED", rejection)
        case .rejected(let rejection) where rejection.has("DOMAIN_REGISTERED_WITH_ANOTHER_MERCHANT"):
            throw Self.refused(
                "The domain is registered for another merchant.",
                "DOMAIN_REGISTERED_WITH_ANOTHER_MERCHANT",
                rejection
            )
        case .rejected(let rejection): throw ShopError.upstream(rejection)
        case .unavailable(let outage), .unknown(let outage): throw ShopError.upstream(outage)
        }
    }

    private func keep(_ domain: String, _ merchant: Merchant) async throws {
        try await api.store.transaction { [now = api.now()] in
            try $0.insertWalletDomain(domain, of: merchant.id, at: now)
        }
    }

    private static func refused(_ text: String, _ code: String, _ rejection: PayPalRejection) -> ShopError {
        ShopError(.unprocessableContent, text, errors: [code], debugID: rejection.trace.anyDebugID)
    }

    // MARK: GET /merchant/domains

    /// PayPal's list as it is; `total_items` counts, not the length of the page.
    ///
    /// Errors: 401, 503.
    @Sendable func list(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await api.merchant(request)
        let (json, trace) = try await api.payPal.walletDomains(of: merchant.payPalID).orUpstream()
        return .shop(json, debugID: trace.anyDebugID)
    }

    // MARK: DELETE /merchant/domains/{domain}

    /// Errors: 401, 404 for a domain that is not registered, 503.
    @Sendable func unregister(_ request: Request, _ context: WebContext) async throws -> Response {
        let merchant = try await api.merchant(request)
        guard let domain = context.parameters.get("domain").flatMap(Self.domain) else {
            throw ShopError.notFound("Domain")
        }
        switch await api.payPal.unregisterWalletDomain(domain, of: merchant.payPalID) {
        case .answered(_, let trace):
            try await api.store.transaction { _ = try $0.deleteWalletDomain(domain, of: merchant.id) }
            return .shop(["success": true, "domain": .string(domain)], debugID: trace.anyDebugID)
        case .rejected(let rejection) where rejection.status == 404 || rejection.has("DOMAIN_NOT_REGISTERED"):
            throw ShopError(.notFound, "Domain not found.", debugID: rejection.trace.anyDebugID)
        case .rejected(let rejection): throw ShopError.upstream(rejection)
        case .unavailable(let outage), .unknown(let outage): throw ShopError.upstream(outage)
        }
    }

    /// Lower case, labels of letters, digits and hyphens, at least two. Source: RFC 1035, 2.3.1.
    static func domain(_ text: String) -> String? {
        let text = text.lowercased()
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard text.utf8.count <= 253, labels.count >= 2,
            labels.allSatisfy({ label in
                (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                    && label.utf8.allSatisfy { byte in
                        switch byte {
                        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                            UInt8(ascii: "-"):
                            true
                        default: false
                        }
                    }
            })
        else { return nil }
        return text
    }
}
