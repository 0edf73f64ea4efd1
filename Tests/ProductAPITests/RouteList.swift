import Hummingbird
import ProductAPIRoutes
import Web

/// A route of the router, as `openapi.yaml` spells it.
struct ListedRoute: Hashable {
    var method: String
    /// Behind the base, with `{id}`.
    var path: String

    /// Anybody may call these.
    static let open: Set = [
        "/onboarding/start", "/onboarding/complete", "/auth/token", "/openapi.yaml", "/docs", "/docs/page.js",
        "/docs/page.css",
    ]
    var needsBearer: Bool { !Self.open.contains(path) }
}

extension RunningAPI {
    /// What the router itself says that it has.
    var routeList: [ListedRoute] {
        let router = Router(context: WebContext.self)
        router.addRoutes(api.routes)
        return router.routes.map { route in
            let parts = route.path.description.split(separator: "/").map { part in
                part.hasPrefix(":") ? "{\(part.dropFirst())}" : String(part)
            }
            let path = "/" + parts.joined(separator: "/")
            return ListedRoute(method: route.method.rawValue, path: String(path.dropFirst(ProductAPI.base.count)))
        }
    }
}
