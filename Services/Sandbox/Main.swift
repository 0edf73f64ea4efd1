import Boot
import SandboxPages

// A shop to try everything against: it pretends to be ThriveCart, keeps its books in memory, and needs nothing.
await ServiceProcess.run("sandbox", needs: [.sandboxThriveCartSecret]) { process in
    let settings = process.settings.sandbox
    let postman = Postman(destinations: settings.webhookURLs.map { Destination(url: $0) }, logger: process.logger)
    let shop = Shop(account: settings.account, secret: settings.secret ?? "", apiKey: settings.apiKey, postman: postman)
    let pages = try SandboxRoutes(shop: shop)
    return [postman, process.server(pages.collections, port: process.settings.ports.sandbox)]
}
