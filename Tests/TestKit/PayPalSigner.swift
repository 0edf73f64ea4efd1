internal import COpenSSL
import Foundation

/// What signs webhooks as PayPal does, under an authority of this test process.
package struct PayPalSigner: Sendable {
    /// PEM text of the private root, and of what stands between it and the certificates.
    package let root: String
    package let intermediate: String
    /// PEM text by the name it is for; all with one key.
    package let certificates: [String: String]
    /// Has the sandbox's name, and nobody but itself to vouch for it.
    package let selfSigned: String
    private let key: String

    package static let sandboxName = "messageverificationcerts.sandbox.paypal.com"
    package static let liveName = "messageverificationcerts.paypal.com"
    package static let otherName = "www.paypal.com"

    package static func shared() async throws -> PayPalSigner { try await made.value }

    private static let made = Task { try await make() }

    /// The five headers of a webhook, by name in lower case.
    package func headers(
        of body: [UInt8],
        webhookID: String,
        certificateURL: String,
        id: String = "b2384410-f8d2-11e4-8bf3-77339302725b",
        time: String = "2026-05-12T18:14:14Z"
    ) throws -> [String: String] {
        let signature = try sign(Array("\(id)|\(time)|\(webhookID)|\(Self.checksum(body))".utf8))
        return [
            "paypal-transmission-id": id, "paypal-transmission-time": time,
            "paypal-transmission-sig": Data(signature).base64EncodedString(),
            "paypal-cert-url": certificateURL, "paypal-auth-algo": "SHA256withRSA",
        ]
    }

    package func sign(_ message: [UInt8]) throws -> [UInt8] {
        let text = Array(key.utf8)
        let key = text.withUnsafeBytes { bytes -> OpaquePointer? in
            guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else { return nil }
            defer { BIO_free(bio) }
            return PEM_read_bio_PrivateKey(bio, nil, nil, nil)
        }
        guard let key, let context = EVP_MD_CTX_new() else { throw CannotSign() }
        defer {
            EVP_MD_CTX_free(context)
            EVP_PKEY_free(key)
        }
        var length = 512
        var signature = [UInt8](repeating: 0, count: length)
        guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key) == 1,
            EVP_DigestSign(context, &signature, &length, message, message.count) == 1
        else { throw CannotSign() }
        return Array(signature.prefix(length))
    }

    /// Bit by bit, so that it is not the code under test.
    package static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var value = UInt32.max
        for byte in bytes {
            value ^= UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
        }
        return ~value
    }

    private static func make() async throws -> PayPalSigner {
        let directory = try TestDirectory.make("paypal")
        func file(_ name: String) -> String { directory + "/" + name }
        func text(_ name: String) throws -> String { try String(contentsOfFile: file(name), encoding: .utf8) }
        func request(_ name: String, _ subject: String, _ extensions: [String], by authority: String?) async throws {
            try await run(
                "openssl",
                ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "400", "-subj", "/CN=" + subject]
                    + extensions.flatMap { ["-addext", $0] }
                    + (authority.map { ["-CA", file($0 + ".pem"), "-CAkey", file($0 + ".key")] } ?? [])
                    + ["-keyout", file(name + ".key"), "-out", file(name + ".pem")]
            )
        }
        let authority = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"]
        try await request("root", "Test root", authority, by: nil)
        try await request("intermediate", "Test intermediate", authority, by: "root")
        try await run("openssl", ["genrsa", "-out", file("leaf.key"), "2048"])

        var certificates: [String: String] = [:]
        for (number, name) in [sandboxName, liveName, otherName].enumerated() {
            try await run(
                "openssl",
                ["req", "-x509", "-key", file("leaf.key"), "-days", "365", "-subj", "/CN=" + name]
                    + ["-addext", "subjectAltName=DNS:" + name, "-addext", "basicConstraints=critical,CA:FALSE"]
                    + ["-CA", file("intermediate.pem"), "-CAkey", file("intermediate.key")]
                    + ["-out", file("leaf\(number).pem")]
            )
            certificates[name] = try text("leaf\(number).pem")
        }
        try await run(
            "openssl",
            ["req", "-x509", "-key", file("leaf.key"), "-days", "365", "-subj", "/CN=" + sandboxName]
                + ["-out", file("alone.pem")]
        )
        return PayPalSigner(
            root: try text("root.pem"),
            intermediate: try text("intermediate.pem"),
            certificates: certificates,
            selfSigned: try text("alone.pem"),
            key: try text("leaf.key")
        )
    }
}

private struct CannotSign: Error {}
