internal import CoreMetrics
internal import Metrics
package import Web

/// What became of a webhook. One word for the log and the metrics; it never says what was in it.
enum WebhookOutcome: String, CaseIterable {
    case accepted
    /// It waits in the queue already.
    case duplicate
    /// Nothing to do: a check whether we are there.
    case ping
    case unauthorized
    /// Nobody could say whose it is: neither the certificate nor its issuer could be had.
    case unverifiable
    case malformed
    case tooLarge = "too_large"
    case tooSlow = "too_slow"
    case queueFull = "queue_full"
    case notDurable = "not_durable"
    case settingsUnknown = "settings_unknown"
    case redisDown = "redis_down"
    case failed
}

/// Counts webhooks: `ingress_webhooks_total{provider,outcome}`, `ingress_webhook_duration_seconds{provider}`, and
/// `ingress_refused_total{provider,reason}` for those that were not verified.
package struct WebhookMetrics: Sendable {
    private let factory: any MetricsFactory
    private let provider: String

    package init(_ registry: PrometheusRegistry, provider: String) {
        self.init(registry, provider: provider, reasons: SiteDirectory.Refusal.allCases.map(\.rawValue))
    }

    /// - Parameter reasons: why a webhook may not be verified, each a word of ours.
    init(_ registry: PrometheusRegistry, provider: String, reasons: [String]) {
        self.init(registry as any MetricsFactory, provider: provider)
        registry.describe("ingress_webhooks_total", "Webhooks by provider and what became of them.")
        registry.describe("ingress_refused_total", "Webhooks that were not verified, by reason.")
        registry.describe(
            "ingress_webhook_duration_seconds",
            "From a webhook's headers to its answer.",
            buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
        )
        // At zero from the start, so that the first of a kind shows as a rise.
        for outcome in WebhookOutcome.allCases { counter(outcome).increment(by: 0) }
        for reason in reasons { counter(reason: reason).increment(by: 0) }
    }

    private init(_ factory: any MetricsFactory, provider: String) {
        self.factory = factory
        self.provider = provider
    }

    func count(_ outcome: WebhookOutcome, took duration: Duration) {
        counter(outcome).increment()
        Timer(label: "ingress_webhook_duration_seconds", dimensions: [("provider", provider)], factory: factory)
            .record(duration: duration)
    }

    func count(reason: String) {
        counter(reason: reason).increment()
    }

    private func counter(_ outcome: WebhookOutcome) -> Counter {
        Counter(
            label: "ingress_webhooks_total",
            dimensions: [("provider", provider), ("outcome", outcome.rawValue)],
            factory: factory
        )
    }

    private func counter(reason: String) -> Counter {
        Counter(
            label: "ingress_refused_total",
            dimensions: [("provider", provider), ("reason", reason)],
            factory: factory
        )
    }
}
