internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import Web

/// The reference: what `openapi.yaml` says, and a page that shows it and lets one try it. Nothing comes from elsewhere.
struct ReferenceRoutes: Sendable {
    var routes: RouteCollection<WebContext> {
        RouteCollection(context: WebContext.self)
            .get("openapi.yaml") { _, _ in Self.file(PackageResources.openapi_yaml, "application/yaml") }
            .get("docs") { _, _ in Self.file(PackageResources.docs_html, "text/html; charset=utf-8") }
            .get("docs/page.js") { _, _ in Self.file(PackageResources.page_js, "text/javascript; charset=utf-8") }
            .get("docs/page.css") { _, _ in Self.file(PackageResources.page_css, "text/css; charset=utf-8") }
    }

    private static func file(_ bytes: [UInt8], _ type: String) -> Response {
        var headers: HTTPFields = [
            .contentType: type, .cacheControl: "max-age=300", .xContentTypeOptions: "nosniff",
        ]
        headers[.contentSecurityPolicy] = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"
        return Response(status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

/// `openapi.yaml`, for a test that compares it with the router.
package enum Reference {
    package static var openAPI: [UInt8] { PackageResources.openapi_yaml }
}
