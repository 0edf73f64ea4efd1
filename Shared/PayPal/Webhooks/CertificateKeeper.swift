package import Foundation
package import Logging

/// Fetches webhooks' certificates and keeps them: for a day, and after that as long as no newer one can be had.
package actor CertificateKeeper {
    package typealias Fetch = @Sendable (CertificateURL) async -> Result<[UInt8], Failure>

    /// Why there is none, for logs.
    package struct Failure: Error, Sendable, Hashable {
        package var reason: String

        package init(_ reason: String) {
            self.reason = reason
        }
    }

    private struct Entry {
        var certificate: WebhookCertificate?
        var fetchedAt: Date?
        var failedAt: Date?
        var usedAt: Date
    }

    private let fetch: Fetch
    private let now: @Sendable () -> Date
    private let logger: Logger
    private var entries: [CertificateURL: Entry] = [:]
    private var running: [CertificateURL: Task<WebhookCertificate?, Never>] = [:]

    /// As long as PayPal lets caches keep it.
    private static let freshness: TimeInterval = 86_400
    private static let pauseAfterFailure: TimeInterval = 60
    /// Anybody can name certificates that don't exist: few are asked for at a time, and few are remembered.
    private static let mostFetches = 8
    private static let mostEntries = 64

    package init(now: @escaping @Sendable () -> Date = { .now }, logger: Logger, fetch: @escaping Fetch) {
        self.fetch = fetch
        self.now = now
        self.logger = logger
    }

    package func isThere(_ url: CertificateURL) async -> Bool { await certificate(at: url) != nil }

    /// Nil where there is none to be had now.
    func certificate(at url: CertificateURL) async -> WebhookCertificate? {
        let time = now()
        if var entry = entries[url] {
            entry.usedAt = time
            entries[url] = entry
            if Self.isWithin(Self.freshness, entry.fetchedAt, time) { return entry.certificate }
            if Self.isWithin(Self.pauseAfterFailure, entry.failedAt, time) { return entry.certificate }
        }
        if let task = running[url] { return await task.value }
        guard running.count < Self.mostFetches else { return entries[url]?.certificate }
        let task = Task { await self.fetched(url) }
        running[url] = task
        let certificate = await task.value
        running[url] = nil
        return certificate
    }

    private func fetched(_ url: CertificateURL) async -> WebhookCertificate? {
        var reason: String
        switch await fetch(url) {
        case .success(let pem):
            if let certificate = WebhookCertificate(pem: pem) {
                let time = now()
                entries[url] = Entry(certificate: certificate, fetchedAt: time, failedAt: nil, usedAt: time)
                forgetUnused()
                return certificate
            }
            reason = "no certificate in the answer"
        case .failure(let failure):
            reason = failure.reason
        }
        logger.warning("no certificate from PayPal", metadata: ["url": "\(url.text)", "reason": "\(reason)"])
        let time = now()
        entries[url, default: Entry(usedAt: time)].failedAt = time
        forgetUnused()
        return entries[url]?.certificate
    }

    /// Those that were never good go first.
    private func forgetUnused() {
        while entries.count > Self.mostEntries {
            let oldest = entries.min { a, b in
                let (isGood, isOtherGood) = (a.value.certificate != nil, b.value.certificate != nil)
                return isGood == isOtherGood ? a.value.usedAt < b.value.usedAt : !isGood
            }
            guard let oldest else { return }
            entries[oldest.key] = nil
        }
    }

    private static func isWithin(_ limit: TimeInterval, _ date: Date?, _ now: Date) -> Bool {
        guard let date else { return false }
        return (0..<limit).contains(now.timeIntervalSince(date))
    }
}
