import Foundation
import PayPal
import TestKit
import Testing

/// Webhooks that PayPal really signed, kept beside the project where they are kept at all: they are not ours to give away.
///
/// `PAYPAL_RECORDINGS` names their folder; else one is looked for in the folders beside this package.
enum Recordings {
    struct Webhook: Decodable, Sendable, CustomTestStringConvertible {
        var name, webhook_id, transmission_id, transmission_time, transmission_sig, cert_url, auth_algo: String
        var body_file, cert_file: String

        var testDescription: String { name }

        func bytes(_ file: String) throws -> [UInt8] {
            let folder = try #require(Recordings.folder).appending(path: "signatures/vectors")
            return Array(try Data(contentsOf: folder.appending(path: file)))
        }
    }

    static let folder: URL? = {
        if let named = ProcessInfo.processInfo.environment["PAYPAL_RECORDINGS"] { return URL(filePath: named) }
        let package = (0..<3).reduce(URL(filePath: #filePath)) { url, _ in url.deletingLastPathComponent() }
        let beside = try? FileManager.default.contentsOfDirectory(
            at: package.deletingLastPathComponent(),
            includingPropertiesForKeys: nil
        )
        return (beside ?? []).map { $0.appending(path: "paypal") }.first {
            FileManager.default.fileExists(atPath: $0.appending(path: "signatures/vectors").path)
        }
    }()

    static let webhooks: [Webhook] = {
        guard let folder = folder?.appending(path: "signatures/vectors"),
            let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        else {
            print("skipped: no recordings of PayPal's webhooks; PAYPAL_RECORDINGS names their folder")
            return []
        }
        return names.sorted().filter { $0.hasSuffix(".json") && !$0.hasSuffix(".body.json") }.compactMap { name in
            (try? Data(contentsOf: folder.appending(path: name))).flatMap {
                try? JSONDecoder().decode(Webhook.self, from: $0)
            }
        }
    }()
}

@Suite(.enabled(if: !Recordings.webhooks.isEmpty)) struct `Webhooks that PayPal signed` {
    func receiver(_ webhook: Recordings.Webhook, at now: Date) throws -> (Receiver, [String: String], [UInt8]) {
        var receiver = Receiver(
            trusted: try #require(TrustedCertificates.bundled),
            served: try webhook.bytes(webhook.cert_file),
            now: now,
            postback: true
        )
        receiver.environment = webhook.cert_url.contains("sandbox") ? .sandbox : .live
        receiver.webhookID = webhook.webhook_id
        let headers = [
            "paypal-transmission-id": webhook.transmission_id, "paypal-transmission-time": webhook.transmission_time,
            "paypal-transmission-sig": webhook.transmission_sig, "paypal-cert-url": webhook.cert_url,
            "paypal-auth-algo": webhook.auth_algo,
        ]
        return (receiver, headers, try webhook.bytes(webhook.body_file))
    }

    @Test(arguments: Recordings.webhooks)
    func `are taken with the clock at their time`(webhook: Recordings.Webhook) async throws {
        let time = try Date(webhook.transmission_time, strategy: .iso8601)
        var (receiver, headers, body) = try receiver(webhook, at: time)
        if CertificateURL(webhook.cert_url, settings: settings(receiver.environment)) == nil {
            // One was recorded with an address that is none; its signature is over the rest.
            headers["paypal-cert-url"] = `A webhook's signature`.url
        }
        #expect(try await receiver.verdict(headers, body) == .genuine(by: .chain))
        body.append(0x0A)
        #expect(try await receiver.verdict(headers, body) == .forged(.signature))
    }

    @Test(arguments: Recordings.webhooks)
    func `are refused today, whatever PayPal would say`(webhook: Recordings.Webhook) async throws {
        var (receiver, headers, body) = try receiver(webhook, at: .now)
        headers["paypal-cert-url"] = `A webhook's signature`.url
        receiver.environment = .sandbox
        #expect(try await receiver.verdict(headers, body) == .forged(.certificateNotInForce))
    }

    private func settings(_ environment: PayPalEnvironment) -> PayPalSettings {
        PayPalSettings(
            environment: environment,
            clientID: "",
            clientSecret: "",
            partnerMerchantID: "",
            attributionID: ""
        )
    }
}
