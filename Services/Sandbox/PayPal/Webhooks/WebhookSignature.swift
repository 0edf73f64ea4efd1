internal import Crypto
internal import CryptoExtras
internal import Foundation

/// PayPal's signature over a webhook: transmission id, time, webhook id and the body's CRC-32.
enum WebhookSignature {
    static func message(id: String, time: String, webhook: String, body: some Sequence<UInt8>) -> [UInt8] {
        Array("\(id)|\(time)|\(webhook)|\(CRC32.of(body))".utf8)
    }

    static func sign(_ message: [UInt8], _ key: _RSA.Signing.PrivateKey) throws -> String {
        try key.signature(for: SHA256.hash(data: message), padding: .insecurePKCS1v1_5).rawRepresentation
            .base64EncodedString()
    }

    static func isValid(_ signature: String, _ message: [UInt8], _ key: _RSA.Signing.PublicKey) -> Bool {
        guard let bytes = Data(base64Encoded: signature) else { return false }
        return key.isValidSignature(
            _RSA.Signing.RSASignature(rawRepresentation: bytes),
            for: SHA256.hash(data: message),
            padding: .insecurePKCS1v1_5
        )
    }
}

/// The checksum of zip and Ethernet.
enum CRC32 {
    static func of(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(~0) { sum, byte in table[Int((sum ^ UInt32(byte)) & 0xFF)] ^ (sum >> 8) }
    }

    private static let table: [UInt32] = (0..<256).map { number in
        (0..<8).reduce(UInt32(number)) { sum, _ in sum & 1 == 1 ? 0xEDB8_8320 ^ (sum >> 1) : sum >> 1 }
    }
}
