/// 256 random bits as 64 hex digits: the shape of bearers and webhook secrets in the document.
package enum HexToken {
    package static func random() -> String {
        var random = SystemRandomNumberGenerator()
        return Digest.hex((0..<32).map { _ in UInt8.random(in: 0 ... .max, using: &random) })
    }
}
