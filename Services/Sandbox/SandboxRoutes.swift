package import Hummingbird
package import Web

/// Everything that the sandbox serves, around one shop.
package struct SandboxRoutes: Sendable {
    let shop: Shop
    /// What another shop would get of us.
    package let inbox = HookInbox()
    private let renderer: PageRenderer

    /// Throws where a page's template can't be read, which a test would have told.
    package init(shop: Shop) throws {
        self.shop = shop
        renderer = try PageRenderer(shop: shop)
    }

    package var collections: [RouteCollection<WebContext>] {
        [
            ShopPage(shop: shop, renderer: renderer).routes,
            OrderPages(shop: shop, renderer: renderer).routes,
            DeliveryPages(shop: shop, renderer: renderer).routes,
            WorkshopPages(shop: shop, renderer: renderer).routes,
            HookPages(inbox: inbox, renderer: renderer).routes,
            HookRoutes(inbox: inbox).routes,
            OrderRoutes(shop: shop).routes,
            DeliveryRoutes(shop: shop).routes,
            BookRoutes(shop: shop).routes,
            WorkshopRoutes(shop: shop).routes,
        ]
    }
}
