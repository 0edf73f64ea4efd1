internal import Crypto
internal import CryptoExtras
internal import Foundation
internal import SwiftASN1
internal import X509

/// Our own certificate authority: a root, one below it, and certificates for signing webhooks, of which the newest signs.
///
/// A receiver trusts `rootsPEM` in place of DigiCert's roots. The subject is the one that PayPal's sandbox has.
struct SigningAuthority: Sendable {
    static let subject = "messageverificationcerts.sandbox.paypal.com"

    struct Leaf: Sendable {
        var id: String
        /// The certificate and the one above it, as the certificate's address serves them.
        var pem: String
        var key: _RSA.Signing.PrivateKey
    }

    private let intermediateKey: P256.Signing.PrivateKey
    private let intermediate: Certificate
    private let root: Certificate
    private(set) var leaves: [Leaf] = []

    init() throws {
        let rootKey = P256.Signing.PrivateKey()
        let rootName = try DistinguishedName { CommonName("Sandbox Root") }
        root = try Self.authority(rootName, rootKey, issuer: rootName, signedBy: rootKey)
        intermediateKey = P256.Signing.PrivateKey()
        intermediate = try Self.authority(
            try DistinguishedName { CommonName("Sandbox Extended Validation") },
            intermediateKey,
            issuer: rootName,
            signedBy: rootKey
        )
        try rotate(id: "CERT-00000001-5a4db0c5-00000001")
    }

    /// One for the whole process: keys take long to make.
    static let shared = Result { try SigningAuthority() }

    private static func authority(
        _ name: DistinguishedName,
        _ key: P256.Signing.PrivateKey,
        issuer: DistinguishedName,
        signedBy issuerKey: P256.Signing.PrivateKey
    ) throws -> Certificate {
        try Certificate(
            version: .v3,
            serialNumber: .init(),
            publicKey: .init(key.publicKey),
            notValidBefore: Date().addingTimeInterval(-86_400),
            notValidAfter: Date().addingTimeInterval(11 * 365 * 86_400),
            issuer: issuer,
            subject: name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
            },
            issuerPrivateKey: .init(issuerKey)
        )
    }

    /// Makes a new certificate that signs from now on; the older ones are still served.
    mutating func rotate(id: String) throws {
        let key = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        let certificate = try Certificate(
            version: .v3,
            serialNumber: .init(),
            publicKey: .init(key.publicKey),
            notValidBefore: Date().addingTimeInterval(-86_400),
            notValidAfter: Date().addingTimeInterval(10 * 365 * 86_400),
            issuer: intermediate.subject,
            subject: try DistinguishedName {
                CountryName("US")
                OrganizationName("Sandbox")
                CommonName(Self.subject)
            },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                KeyUsage(digitalSignature: true, keyEncipherment: true)
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectAlternativeNames([.dnsName(Self.subject)])
            },
            issuerPrivateKey: .init(intermediateKey)
        )
        let pem = try certificate.serializeAsPEM().pemString + "\n" + intermediate.serializeAsPEM().pemString + "\n"
        leaves.append(Leaf(id: id, pem: pem, key: key))
    }

    /// What a receiver has to trust.
    var rootsPEM: String {
        get throws {
            try root.serializeAsPEM().pemString + "\n" + intermediate.serializeAsPEM().pemString + "\n"
        }
    }
}
