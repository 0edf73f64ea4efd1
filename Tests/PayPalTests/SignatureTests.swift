import Foundation
import Logging
import PayPal
import Synchronization
import TestKit
import Testing

/// A verifier over certificates that the test serves, and what it was asked.
struct Receiver: Sendable {
    var environment = PayPalEnvironment.sandbox
    var webhookID = "3RN13029J36659323"
    var trusted: TrustedCertificates
    /// What the certificate's address answers.
    var served: [UInt8]
    var now: Date
    /// What PayPal says when it is asked; nil where it does not answer.
    var postback: Bool?

    init(trusted: TrustedCertificates, served: [UInt8], now: Date = .now, postback: Bool? = nil) {
        self.trusted = trusted
        self.served = served
        self.now = now
        self.postback = postback
    }

    func verdict(_ headers: [String: String], _ body: [UInt8]) async throws -> WebhookVerifier.Verdict? {
        guard let transmission = Transmission(header: { headers[$0] }) else { return nil }
        let settings = PayPalSettings(
            environment: environment,
            clientID: "id",
            clientSecret: "word",
            partnerMerchantID: "PARTNER",
            attributionID: ""
        )
        let (served, answer, time) = (served, postback, now)
        let keeper = CertificateKeeper(now: { time }, logger: .silent) { _ in .success(served) }
        return await WebhookVerifier(
            settings: settings,
            webhookID: webhookID,
            trusted: trusted,
            certificates: keeper,
            postback: { _, _, _ in answer },
            now: { time }
        )
        .verdict(on: transmission, body: body)
    }
}

@Suite struct `A webhook's signature` {
    static let url = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77"
    let body = Array(#"{"id":"WH-1","amount":1.0,"sign":"€"}"#.utf8)
    let webhookID = "3RN13029J36659323"

    /// A receiver that trusts the test's authority, and headers that it takes.
    func honest(_ name: String = PayPalSigner.sandboxName) async throws -> (Receiver, [String: String]) {
        let signer = try await PayPalSigner.shared()
        let trusted = try #require(TrustedCertificates(pem: signer.root + signer.intermediate))
        let receiver = Receiver(trusted: trusted, served: Array(try #require(signer.certificates[name]).utf8))
        return (receiver, try signer.headers(of: body, webhookID: webhookID, certificateURL: Self.url))
    }

    @Test func `is taken when the chain leads to a trusted root`() async throws {
        let (receiver, headers) = try await honest()
        #expect(try await receiver.verdict(headers, body) == .genuine(by: .chain))
    }

    @Test func `is taken with the intermediate served beside it`() async throws {
        let signer = try await PayPalSigner.shared()
        var (receiver, headers) = try await honest()
        receiver.trusted = try #require(TrustedCertificates(pem: signer.root))
        #expect(try await receiver.verdict(headers, body) == .undecided(.chain))
        receiver.served += Array(signer.intermediate.utf8)
        #expect(try await receiver.verdict(headers, body) == .genuine(by: .chain))
    }

    @Test func `covers every byte of the body`() async throws {
        let (receiver, headers) = try await honest()
        for index in body.indices {
            var flipped = body
            flipped[index] ^= 1
            #expect(try await receiver.verdict(headers, flipped) == .forged(.signature))
        }
        #expect(try await receiver.verdict(headers, body + [0x0A]) == .forged(.signature))
        #expect(try await receiver.verdict(headers, [0xEF, 0xBB, 0xBF] + body) == .forged(.signature))
        let printed = Array(#"{"id":"WH-1","amount":1,"sign":"€"}"#.utf8)
        #expect(try await receiver.verdict(headers, printed) == .forged(.signature))
    }

    @Test func `covers the id, the time and whose webhook it is`() async throws {
        var (receiver, headers) = try await honest()
        for name in ["paypal-transmission-id", "paypal-transmission-time"] {
            var other = headers
            other[name] = name.hasSuffix("time") ? "2026-05-12T18:14:15Z" : "another"
            #expect(try await receiver.verdict(other, body) == .forged(.signature))
        }
        receiver.webhookID = "ANOTHERAPP"
        #expect(try await receiver.verdict(headers, body) == .forged(.signature))
        headers = try await PayPalSigner.shared()
            .headers(of: body, webhookID: "WEBHOOK_ID", certificateURL: Self.url)
        receiver.webhookID = webhookID
        #expect(try await receiver.verdict(headers, body) == .forged(.signature), "PayPal's simulator")
    }

    @Test(arguments: ["hexadecimal", "signed"])
    func `wants the checksum as an unsigned decimal`(spelling: String) async throws {
        let signer = try await PayPalSigner.shared()
        var (receiver, headers) = try await honest()
        // One above 2^31, where a signed number would be another.
        let body = try #require(
            (0...).lazy.map { Array("body \($0)".utf8) }.first { PayPalSigner.checksum($0) > 1 << 31 }
        )
        receiver.now = .now
        let sum = PayPalSigner.checksum(body)
        let text = spelling == "signed" ? "\(Int32(bitPattern: sum))" : String(sum, radix: 16)
        let fields = [headers["paypal-transmission-id"], headers["paypal-transmission-time"], webhookID, text]
        let message = fields.compactMap { $0 }.joined(separator: "|")
        headers["paypal-transmission-sig"] = Data(try signer.sign(Array(message.utf8))).base64EncodedString()
        #expect(try await receiver.verdict(headers, body) == .forged(.signature))
    }

    @Test(arguments: [
        "paypal-transmission-id", "paypal-transmission-time", "paypal-transmission-sig", "paypal-cert-url",
        "paypal-auth-algo",
    ])
    func `is nothing without each of its headers`(missing: String) async throws {
        let (receiver, headers) = try await honest()
        #expect(try await receiver.verdict(headers.filter { $0.key != missing }, body) == nil)
    }

    @Test(arguments: ["SHA1withRSA", "sha256withrsa", "SHA512withRSA", "none"])
    func `is of one algorithm only`(algorithm: String) async throws {
        let (receiver, headers) = try await honest()
        let other = headers.merging(["paypal-auth-algo": algorithm]) { $1 }
        #expect(try await receiver.verdict(other, body) == .forged(.algorithm))
    }

    @Test func `is Base64 in its usual alphabet`() async throws {
        let (receiver, headers) = try await honest()
        let text = try #require(headers["paypal-transmission-sig"])
        for other in [text.replacing("+", with: "-").replacing("/", with: "_") + "-", "", "%%%", text + "\n"] {
            let verdict = try await receiver.verdict(headers.merging(["paypal-transmission-sig": other]) { $1 }, body)
            #expect(verdict == .forged(.signatureText) || verdict == nil)
        }
    }

    @Test func `is by the certificate of the environment`() async throws {
        let (live, headers) = try await honest(PayPalSigner.liveName)
        #expect(try await live.verdict(headers, body) == .forged(.certificateName))
        let (other, _) = try await honest(PayPalSigner.otherName)
        #expect(try await other.verdict(headers, body) == .forged(.certificateName))

        var (sandbox, _) = try await honest()
        sandbox.environment = .live
        #expect(try await sandbox.verdict(headers, body) == .forged(.certificateURL))
        let liveURL = "https://api.paypal.com/v1/notifications/certs/CERT-1a5f47cb"
        let moved = headers.merging(["paypal-cert-url": liveURL]) { $1 }
        #expect(try await sandbox.verdict(moved, body) == .forged(.certificateName))
    }

    @Test func `is by a certificate in force`() async throws {
        var (receiver, headers) = try await honest()
        receiver.now = .now.addingTimeInterval(366 * 86_400)
        #expect(try await receiver.verdict(headers, body) == .forged(.certificateNotInForce))
        receiver.now = .now.addingTimeInterval(-86_400)
        #expect(try await receiver.verdict(headers, body) == .forged(.certificateNotInForce))
    }

    @Test func `is PayPal's to judge when the chain can't be built, and never ours to believe`() async throws {
        let signer = try await PayPalSigner.shared()
        var (receiver, headers) = try await honest()
        for (trusted, served) in [
            (TrustedCertificates.bundled, receiver.served), (receiver.trusted, Array(signer.selfSigned.utf8)),
            (receiver.trusted, Array("<html>sorry</html>".utf8)),
        ] {
            receiver.trusted = try #require(trusted)
            receiver.served = served
            for (answer, verdict) in [
                (true, WebhookVerifier.Verdict.genuine(by: .postback)), (false, .forged(.postback)),
            ] {
                receiver.postback = answer
                #expect(try await receiver.verdict(headers, body) == verdict)
            }
            receiver.postback = nil
            guard case .undecided = try await receiver.verdict(headers, body) else {
                Issue.record("decided without anybody's word")
                continue
            }
        }
    }

    @Test(arguments: [
        "http://api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.sandbox.paypal.com:8443/v1/notifications/certs/CERT-1",
        "https://api.sandbox.paypal.com:443/v1/notifications/certs/CERT-1",
        "https://user@api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.sandbox.paypal.com@evil.example/v1/notifications/certs/CERT-1",
        "https://api.sandbox.paypal.com.evil.example/v1/notifications/certs/CERT-1",
        "https://evilpaypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1?x=1",
        "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1#x",
        "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-../../oauth",
        "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-",
        "https://api.sandbox.paypal.com/v1/notifications/certs/",
        "HTTPS://API.SANDBOX.PAYPAL.COM/v1/notifications/certs/CERT-1",
    ])
    func `names a certificate at PayPal's own address`(url: String) async throws {
        let (receiver, headers) = try await honest()
        let other = headers.merging(["paypal-cert-url": url]) { $1 }
        #expect(try await receiver.verdict(other, body) == .forged(.certificateURL))
    }

    @Test func `bundled roots are those of DigiCert`() throws {
        #expect(try #require(TrustedCertificates.bundled).rootCount == 9)
        #expect(TrustedCertificates(pem: "no certificate") == nil)
    }
}

@Suite struct `Keeping certificates` {
    let url = CertificateURL(
        `A webhook's signature`.url,
        settings: .init(
            environment: .sandbox,
            clientID: "",
            clientSecret: "",
            partnerMerchantID: "",
            attributionID: ""
        )
    )!

    /// An address whose answers the test sets.
    final class Address: Sendable {
        let state = Mutex<(answer: Result<[UInt8], CertificateKeeper.Failure>, asked: Int)>(
            (.failure(.init("down")), 0)
        )
        func answers(_ answer: Result<[UInt8], CertificateKeeper.Failure>) { state.withLock { $0.answer = answer } }
        var asked: Int { state.withLock { $0.asked } }
    }

    @Test func `one is asked for once a day, and the last good one outlives an outage`() async throws {
        let pem = Array(try await PayPalSigner.shared().root.utf8)
        let clock = Mutex(Date.now)
        let address = Address()
        let keeper = CertificateKeeper(now: { clock.withLock { $0 } }, logger: .silent) { _ in
            address.state.withLock { state in
                state.asked += 1
                return state.answer
            }
        }
        #expect(await keeper.isThere(url) == false)
        #expect(await keeper.isThere(url) == false)
        #expect(address.asked == 1, "a failure is remembered for a minute")

        clock.withLock { $0 += 61 }
        address.answers(.success(pem))
        #expect(await keeper.isThere(url))
        #expect(await keeper.isThere(url))
        #expect(address.asked == 2)

        clock.withLock { $0 += 86_401 }
        address.answers(.success(Array("<html>".utf8)))
        #expect(await keeper.isThere(url), "what is no certificate takes no place of one")
        #expect(address.asked == 3)
    }
}
