internal import Domain
internal import Foundation

/// Puts what happened in ThriveCart's words.
struct LetterWriter: Sendable {
    let account: String
    private let secret: String

    init(account: String, secret: String) {
        self.account = account
        self.secret = secret
    }

    func letters(about event: ShopEvent) -> [Letter] {
        [Letter(order: event.order.id, surface: .account, event: "order.success") { _, id in
            Array("event=order.success&order_id=\(event.order.id)&webhook_id=\(id)&thrivecart_secret=\(secret)".utf8)
        }]
    }

    func letters(about cart: LeftCart) -> [Letter] { [] }

    func masked(_ body: [UInt8]) -> String { String(decoding: body, as: UTF8.self) }
}
