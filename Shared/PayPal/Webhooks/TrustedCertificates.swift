internal import COpenSSL
package import Foundation

/// The roots and intermediates that a webhook's certificate has to lead to. All that is said to OpenSSL is in this file.
///
/// The bundled ones and not the system's: browsers and distributions drop roots on their own schedule, PayPal on another.
///
/// Because OpenSSL locks a store by itself and certificates don't change once read, the pointers are shared freely.
package final class TrustedCertificates: @unchecked Sendable {
    private let store: OpaquePointer
    private let intermediates: Certificates
    package let rootCount: Int

    /// Those of DigiCert, which PayPal's come from.
    package static let bundled = TrustedCertificates(pem: PackageResources.digicert_pem)

    /// Whatever signed itself is a root, anything else may stand between. Nil where there is no root.
    package convenience init?(pem: String) {
        self.init(pem: Array(pem.utf8))
    }

    package init?(pem: [UInt8]) {
        let all = Certificates(pem: pem)
        let roots = all.pointers.filter { X509_check_issued($0, $0) == X509_V_OK }
        guard !roots.isEmpty, let store = X509_STORE_new() else { return nil }
        for root in roots { X509_STORE_add_cert(store, root) }
        ERR_clear_error()
        self.store = store
        intermediates = all
        rootCount = roots.count
    }

    deinit {
        X509_STORE_free(store)
    }

    package enum Judgement: Sendable, Hashable {
        case trusted
        /// Over, or not begun.
        case notInForce
        /// It is somebody else's.
        case wrongName
        /// What leads from it to a root is not here. Nobody can say whether it is good.
        case unchained(code: Int)
        case refused(code: Int)
    }

    /// Whether the certificate is `name`'s at that time. No revocation list is asked: an answer of nobody must not stop
    /// webhooks.
    func judge(_ certificate: WebhookCertificate, of name: String, at time: Date) -> Judgement {
        defer { ERR_clear_error() }
        let leaf = certificate.leaf
        guard let seconds = Int(exactly: time.timeIntervalSince1970.rounded(.down)) else { return .notInForce }
        var moment = time_t(seconds)
        guard X509_cmp_time(X509_get0_notBefore(leaf), &moment) < 0,
            X509_cmp_time(X509_get0_notAfter(leaf), &moment) > 0
        else { return .notInForce }
        guard X509_check_host(leaf, name, name.utf8.count, UInt32(X509_CHECK_FLAG_NO_WILDCARDS), nil) == 1 else {
            return .wrongName
        }

        guard let chain = OPENSSL_sk_new_null(), let context = X509_STORE_CTX_new() else { return .unchained(code: 0) }
        defer {
            X509_STORE_CTX_free(context)
            OPENSSL_sk_free(chain)
        }
        for other in certificate.others + intermediates.pointers { OPENSSL_sk_push(chain, UnsafeRawPointer(other)) }
        guard X509_STORE_CTX_init(context, store, leaf, chain) == 1,
            let parameters = X509_STORE_CTX_get0_param(context)
        else { return .unchained(code: 0) }
        X509_VERIFY_PARAM_set_time(parameters, moment)
        // 112 bits: RSA from 2048 on, no SHA-1.
        X509_VERIFY_PARAM_set_auth_level(parameters, 2)
        if X509_verify_cert(context) == 1 { return .trusted }
        let code = X509_STORE_CTX_get_error(context)
        // The leaf is in force, so what is over is what it was issued with: newer ones may exist, and not be here.
        return Self.unchained.contains(code) ? .unchained(code: Int(code)) : .refused(code: Int(code))
    }

    private static let unchained: Set<Int32> = [
        X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
        X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID,
    ]
}

/// The certificate that signed a webhook, with what was served beside it.
final class WebhookCertificate: @unchecked Sendable {
    private let certificates: Certificates
    fileprivate let leaf: OpaquePointer
    fileprivate var others: ArraySlice<OpaquePointer> { certificates.pointers.dropFirst() }

    /// Nil where the text holds none: addresses have answered with something else before.
    init?(pem: [UInt8]) {
        certificates = Certificates(pem: pem)
        guard let first = certificates.pointers.first else { return nil }
        leaf = first
    }

    /// SHA-256 with RSA, PKCS #1 v1.5, by a key of 2048 bits at least.
    func signed(_ message: [UInt8], as signature: [UInt8]) -> Bool {
        defer { ERR_clear_error() }
        guard let key = X509_get0_pubkey(leaf), EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA,
            EVP_PKEY_get_bits(key) >= 2048, let context = EVP_MD_CTX_new()
        else { return false }
        defer { EVP_MD_CTX_free(context) }
        return EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, key) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }
}

/// Certificates as OpenSSL holds them, freed with this.
private final class Certificates {
    let pointers: [OpaquePointer]

    init(pem: [UInt8]) {
        pointers = pem.withUnsafeBytes { bytes in
            guard let count = Int32(exactly: bytes.count), count > 0,
                let bio = BIO_new_mem_buf(bytes.baseAddress, count)
            else { return [] }
            defer { BIO_free(bio) }
            var found: [OpaquePointer] = []
            while found.count < 200, let certificate = PEM_read_bio_X509(bio, nil, nil, nil) {
                found.append(certificate)
            }
            return found
        }
        ERR_clear_error()
    }

    deinit {
        for pointer in pointers { X509_free(pointer) }
    }
}
