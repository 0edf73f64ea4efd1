import Boot
import SandboxPages

// A shop and a PayPal to try everything against: it pretends to be ThriveCart and PayPal, keeps its books in memory, and
// needs nothing.
await ServiceProcess.run("sandbox", needs: [.sandboxThriveCartSecret]) { process in
    let settings = process.settings.sandbox
    let ports = process.settings.ports
    let postman = Postman(destinations: settings.webhookURLs.map { Destination(url: $0) }, logger: process.logger)
    let shop = Shop(account: settings.account, secret: settings.secret ?? "", apiKey: settings.apiKey, postman: postman)
    let payPal = PayPalSandbox(logger: process.logger)
    let productAPI = settings.productAPI ?? "http://127.0.0.1:\(ports.productAPI)"
    let pages = try SandboxRoutes(shop: shop, productAPI: productAPI + "/api/paypal/v1")
    return [
        postman,
        payPal,
        process.server(pages.collections + [PayPalRoutes(payPal, under: "/paypal").routes], port: ports.sandbox),
        process.server([PayPalRoutes(payPal).routes], port: ports.sandboxPayPal),
    ]
}
