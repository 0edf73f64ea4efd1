internal import Sealing

/// 256 random bits as 64 hex digits: the shape of bearers and webhook secrets in the document.
enum HexToken {
    static func random() -> String {
        var random = SystemRandomNumberGenerator()
        return Digest.hex((0..<32).map { _ in UInt8.random(in: 0 ... .max, using: &random) })
    }
}
