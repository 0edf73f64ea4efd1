/// Makes ids in the shapes that PayPal's have.
struct PayPalNumbers: Sendable {
    private var random = SystemRandomNumberGenerator()

    private static let capitals = Array("0123456789ABCDEFGHJKLMNPRSTUVWXY".utf8)
    private static let accounts = Array("23456789ABCDEFGHJKLMNPQRSTUVWXYZ".utf8)
    private static let small = Array("0123456789abcdefghjkmnpqrstuvwxyz".utf8)
    private static let mixed = Array("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789".utf8)
    private static let hex = Array("0123456789abcdef".utf8)

    /// Of an order, a capture, a refund, a setup token, a webhook: 17 capitals and digits.
    mutating func long() -> String { draw(17, of: Self.capitals) }
    mutating func event() -> String { "WH-\(long())-\(long())" }
    mutating func account() -> String { draw(13, of: Self.accounts) }
    mutating func vaultToken() -> String { draw(17, of: Self.small) }
    mutating func customer() -> String { draw(10, of: Self.mixed) }
    mutating func accessToken() -> String { "A21AA" + draw(92, of: Self.mixed) }
    mutating func secretWord(_ length: Int) -> String { draw(length, of: Self.mixed) }
    mutating func certificate() -> String {
        "CERT-\(draw(8, of: Self.hex))-\(draw(8, of: Self.hex))-\(draw(8, of: Self.hex))"
    }
    mutating func debugID() -> String { draw(13, of: Self.hex) }

    private mutating func draw(_ length: Int, of letters: [UInt8]) -> String {
        String(
            decoding: (0..<length).map { _ in letters[Int.random(in: 0..<letters.count, using: &random)] },
            as: UTF8.self
        )
    }
}
