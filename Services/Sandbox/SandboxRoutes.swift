package import Hummingbird
package import Web

/// Everything that the sandbox serves, around one shop.
package struct SandboxRoutes: Sendable {
    let shop: Shop
    /// What another shop would get of us.
    package let inbox: HookInbox
    /// A shop in front of the Product API.
    let demo: DemoShop
    private let renderer: PageRenderer

    /// Throws where a page's template can't be read, which a test would have told.
    ///
    /// - Parameter productAPI: where the demonstration calls the Product API.
    package init(shop: Shop, productAPI: String = "http://127.0.0.1:8081/api/paypal/v1") throws {
        self.shop = shop
        inbox = HookInbox()
        demo = DemoShop(api: productAPI, inbox: inbox)
        renderer = try PageRenderer(shop: shop)
    }

    package var collections: [RouteCollection<WebContext>] {
        [
            ShopPage(shop: shop, renderer: renderer).routes,
            OrderPages(shop: shop, renderer: renderer).routes,
            DeliveryPages(shop: shop, renderer: renderer).routes,
            WorkshopPages(shop: shop, renderer: renderer).routes,
            DemoPages(demo: demo, renderer: renderer).routes,
            HookPages(inbox: inbox, renderer: renderer).routes,
            HookRoutes(inbox: inbox).routes,
            OrderRoutes(shop: shop).routes,
            DeliveryRoutes(shop: shop).routes,
            BookRoutes(shop: shop).routes,
            WorkshopRoutes(shop: shop).routes,
        ]
    }
}
