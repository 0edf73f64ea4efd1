import Domain
import Foundation
import Logging
import Metrics
import PayPal
import Postgres
import Store

// What stops charging before a mistake reaches every buyer.

extension RenewalDependencies {
    func pause(by source: RenewalPause.Source, _ reason: String, at now: Date, _ logger: Logger) async throws {
        let isNew = try await store.transaction { try $0.pauseRenewals(by: source, reason: reason, at: now) }
        if isNew {
            logger.error(
                "charging is paused now",
                metadata: ["source": "\(source.rawValue)", "reason": "\(reason)", "fix": "gatehouse renewals resume"]
            )
        }
    }

    // MARK: The clock

    /// Our clock decides what is due. PayPal's is the only other one we see: where they differ, nobody is charged.
    func compareClocks(_ trace: PayPalTrace, at now: Date, _ logger: Logger) async throws {
        guard let theirs = trace.date else { return }
        let skew = theirs.timeIntervalSince(now)
        Gauge(label: "renewals_clock_skew_seconds").record(skew)
        guard abs(skew) > options.mostSkew else { return }
        try await pause(by: .clock, "PayPal's clock and ours differ by \(Int(skew)) s", at: now, logger)
    }

    // MARK: The breaker

    /// After a refusal that is nobody's bank's: many alike, of several merchants, are a mistake of ours.
    func breakOnRefusals(at now: Date, logger: Logger) async throws {
        let alike = try await store.read { transaction in
            try transaction.refusalsAlike(
                since: try transaction.breakerLooks(from: now - Self.window),
                fewest: Self.fewest,
                merchants: 3
            )
        }
        guard let alike else { return }
        try await pause(
            by: .breaker,
            "\(alike.attempts) charges of \(alike.merchants) merchants ended with \(alike.what) within 15 minutes",
            at: now,
            logger
        )
    }

    /// Three times as many declines as in the last 30 days are something else than buyers' banks.
    func breakOnManyDeclines(at now: Date, logger: Logger) async throws {
        let (late, usual) = try await store.read { transaction in
            (
                try transaction.chargesSettled(from: try transaction.breakerLooks(from: now - Self.window), to: now),
                try transaction.chargesSettled(from: now - 30 * 86_400, to: now - Self.window)
            )
        }
        guard late.declined >= Self.fewest, usual.all >= 100,
            late.declined * usual.all > 3 * usual.declined * late.all
        else { return }
        try await pause(
            by: .breaker,
            "\(late.declined) of \(late.all) charges were declined within 15 minutes, usually \(usual.declined) of \(usual.all)",
            at: now,
            logger
        )
    }

    private static let window: TimeInterval = 900
    private static let fewest = 20
}
