internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Mustache
internal import Web

/// Makes pages of the templates in this folder. They need no script: forms and redirects do everything, and what there is
/// of it only shows sooner what a reload would show.
struct PageRenderer: Sendable {
    private let library: MustacheLibrary
    private let shop: Shop

    init(shop: Shop) throws {
        self.shop = shop
        library = MustacheLibrary(templates: try Self.sources.mapValues { try MustacheTemplate(string: text($0)) })
    }

    private static let sources: [String: [UInt8]] = [
        "layout": PackageResources.layout_mustache,
        "shop": PackageResources.shop_mustache,
        "orders": PackageResources.orders_mustache,
        "order": PackageResources.order_mustache,
        "sent": PackageResources.sent_mustache,
        "deliveries": PackageResources.deliveries_mustache,
        "delivery": PackageResources.delivery_mustache,
        "workshop": PackageResources.workshop_mustache,
        "demo": PackageResources.demo_mustache,
        "checkout": PackageResources.checkout_mustache,
        "receiver": PackageResources.receiver_mustache,
        "receipt": PackageResources.receipt_mustache,
        "received": PackageResources.received_mustache,
    ]
    private static let style = text(PackageResources.style_css)

    // MARK: What every page has

    /// The sections that the navigation names.
    enum Place: String, CaseIterable {
        case shop = "/"
        case orders = "/orders"
        case deliveries = "/deliveries"
        case receiver = "/receiver"
        case demo = "/demo"
        case workshop = "/workshop"

        var name: String {
            switch self {
            case .shop: "Shop"
            case .orders: "Orders"
            case .deliveries: "Deliveries"
            case .receiver: "Receiver"
            case .demo: "PayPal"
            case .workshop: "Workshop"
            }
        }
    }

    private struct Frame {
        struct Link {
            var name: String
            var href: String
            var isHere: Bool
        }

        var account: String
        var style: String
        var links: [Link]
        var time: String
        var instant: String
        var ahead: String?
        var hasFaults: Bool
    }

    /// - Parameters:
    ///   - script: whether it has a script of ours, which may listen to us.
    ///   - values: what the template names besides `page`.
    func page(
        _ template: String,
        at place: Place,
        status: HTTPResponse.Status = .ok,
        script: Bool = false,
        _ values: [String: Any]
    ) async throws -> Response {
        var values = values
        values["page"] = await frame(at: place)
        guard let html = library.render(values, withTemplate: template) else {
            throw APIError(.internalServerError, "no_template", "There is no such page.")
        }
        var response = Response.text(html, type: "text/html; charset=utf-8")
        response.status = status
        // The pages load nothing from elsewhere, run nothing of others and are shown in nobody's frame.
        response.headers[.contentSecurityPolicy] =
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors 'none'"
            + (script ? "; script-src 'self'; connect-src 'self'" : "")
        return response
    }

    /// A part of a page.
    func fragment(_ template: String, _ values: [String: Any]) throws -> String {
        guard let html = library.render(values, withTemplate: template) else {
            throw APIError(.internalServerError, "no_template", "There is no such page.")
        }
        return html
    }

    private func frame(at place: Place) async -> Frame {
        let now = shop.clock.now
        return Frame(
            account: shop.account,
            style: Self.style,
            links: Place.allCases.map { .init(name: $0.name, href: $0.rawValue, isHere: $0 == place) },
            time: Wording.time(now),
            instant: now.ISO8601Format(),
            ahead: shop.clock.offset >= 1 ? Wording.days(shop.clock.offset) : nil,
            hasFaults: await !shop.postman.faults.isNone
        )
    }
}

private func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes, as: UTF8.self)
}

extension Request {
    /// The fields of a form on one of our own pages.
    ///
    /// Errors: 403 `not_our_page` when a page of another site sends it, 400 when a field is not what it should be.
    func form<Fields: Decodable>(_ type: Fields.Type) async throws -> Fields {
        guard headers[.secFetchSite] != "cross-site" else {
            throw APIError(.forbidden, "not_our_page", "This form is on another site's page.")
        }
        let bytes = try await bytes(limit: 64 << 10)
        do {
            return try URLEncodedFormDecoder().decode(type, from: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw APIError(.badRequest, "bad_form", "A field of the form is not what it should be.")
        }
    }
}

extension HTTPField.Name {
    static var contentSecurityPolicy: Self { Self("Content-Security-Policy")! }
    fileprivate static var secFetchSite: Self { Self("Sec-Fetch-Site")! }
}
