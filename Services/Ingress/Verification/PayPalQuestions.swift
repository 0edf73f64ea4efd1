package import Addresses
package import Logging
package import Outbound
package import PayPal
internal import Synchronization

extension CertificateKeeper {
    /// Fetches PayPal's certificates through the guarded client.
    ///
    /// - Parameter allowed: networks that a pretended PayPal may be in.
    package static func guarded(
        _ settings: PayPalSettings,
        allowing allowed: [IPNetwork],
        logger: Logger
    ) -> CertificateKeeper {
        let isPretended = settings.pretendedAt != nil
        let local = ["127.0.0.0/8", "::1/128"].compactMap { IPNetwork($0) }
        let client = GuardedClient(
            policy: AddressPolicy(allowing: isPretended ? allowed + local : []),
            // A certificate has less than 3 KiB; what is longer is cut, and then is none.
            limits: .init(timeout: .seconds(5), answer: 16_384)
        )
        return CertificateKeeper(logger: logger) { url in
            do throws(EndpointURL.Refusal) {
                let url = try EndpointURL(url.text, rules: isPretended ? .development : .strict)
                switch await client.get(url) {
                case .answered(let answer) where answer.status == 200: return .success(answer.body)
                case .answered(let answer): return .failure(.init("status \(answer.status)"))
                case .failed(let failure): return .failure(.init(failure.rawValue))
                }
            } catch {
                return .failure(.init("address refused"))
            }
        }
    }
}

/// Asks PayPal whether a webhook is its own, a few at a time: whoever makes us ask must not use up what PayPal allows us.
package final class PostbackDesk: Sendable {
    private let payPal: PayPalClient
    private let limit: Int
    private let asking = Mutex(0)

    package init(_ payPal: PayPalClient, limit: Int = 4) {
        self.payPal = payPal
        self.limit = limit
    }

    /// Nil where PayPal did not say, or was not asked because too many are.
    package func answer(_ transmission: Transmission, _ body: [UInt8], _ webhookID: String) async -> Bool? {
        let mayAsk = asking.withLock { asking in
            guard asking < limit else { return false }
            asking += 1
            return true
        }
        guard mayAsk else { return nil }
        defer { asking.withLock { $0 -= 1 } }
        return await payPal.verify(transmission, body: body, webhookID: webhookID).value
    }
}
