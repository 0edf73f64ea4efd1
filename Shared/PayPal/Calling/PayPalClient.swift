package import AsyncHTTPClient
package import Foundation
package import Logging
internal import NIOCore

/// PayPal, called with all that its rules ask for.
///
/// A call is sent once. It is sent a second time only after a 401, after a 403 of a token that may be older than what it
/// should be able to do, and, where a repeat is harmless, after a connection that was closed under it.
package struct PayPalClient: Sendable {
    package let settings: PayPalSettings
    let wire: PayPalWire
    private let logger: Logger
    private let tokens: AccessTokens

    /// More than any answer of PayPal has; a report of 500 transactions has about a megabyte.
    static let longestAnswer = 8 << 20

    package struct Timeouts: Sendable, Hashable {
        package var short: Duration
        package var long: Duration

        package init(short: Duration = .seconds(10), long: Duration = .seconds(30)) {
            self.short = short
            self.long = long
        }

        subscript(_ patience: PayPalCall.Patience) -> Duration {
            switch patience {
            case .short: short
            case .long: long
            }
        }
    }

    package init(
        _ settings: PayPalSettings,
        http: HTTPClient = PayPalClient.defaultHTTP,
        store: (any TokenStore)? = nil,
        timeouts: Timeouts = Timeouts(),
        now: @escaping @Sendable () -> Date = { .now },
        logger: Logger
    ) {
        self.settings = settings
        self.logger = logger
        let wire = PayPalWire(settings: settings, http: http, timeouts: timeouts, logger: logger)
        tokens = AccessTokens(store: store, now: now) { () throws(PayPalOutage) in
            try await wire.accessToken(now: now)
        }
        self.wire = wire
    }

    /// One for the process: redirects are not followed, and connections are kept.
    package static let defaultHTTP: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(5)
        configuration.connectionPool.idleTimeout = .seconds(30)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
        // Because a port that is closed is known at once, and who called has a plan for it.
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    // MARK: Sending

    /// Sends the call and sorts what comes back.
    package func send(_ call: PayPalCall) async -> PayPalReply<PayPalAnswer> {
        let start = ContinuousClock.now
        let reply = await sent(call)
        log(call, reply, took: start.duration(to: .now))
        return reply
    }

    private func sent(_ call: PayPalCall) async -> PayPalReply<PayPalAnswer> {
        do throws(PayPalOutage) {
            let token = try await tokens.token()
            let answer = try await wire.answer(to: call, token: token.text)
            guard Self.blamesToken(answer), await tokens.drop(token) else { return sorted(answer, call) }
            let newer = try await tokens.token()
            return sorted(try await wire.answer(to: call, token: newer.text), call)
        } catch {
            switch error.reason {
            case .unreachable, .credentials, .rateLimited: return .unavailable(error)
            default: return call.isHarmlessTwice ? .unavailable(error) : .unknown(error)
            }
        }
    }

    /// 401, or a 403 that says that the token lacks a scope: it may be from before that was granted.
    private static func blamesToken(_ answer: PayPalAnswer) -> Bool {
        if answer.status == 401 { return true }
        guard answer.status == 403 else { return false }
        return PayPalRejection(answer).name == "NOT_AUTHORIZED"
    }

    private func sorted(_ answer: PayPalAnswer, _ call: PayPalCall) -> PayPalReply<PayPalAnswer> {
        let trace = answer.trace
        switch answer.status {
        case 200...299:
            return .answered(answer, trace)
        case 401:
            return .unavailable(PayPalOutage(.credentials, trace: trace))
        case 429:
            return .unavailable(PayPalOutage(.rateLimited, retryAfter: answer.retryAfter ?? .seconds(30), trace: trace))
        case 408, 500...599, ..<200, 300...399:
            let outage = PayPalOutage(.serverError, retryAfter: answer.retryAfter, trace: trace)
            return call.isHarmlessTwice ? .unavailable(outage) : .unknown(outage)
        default:
            let rejection = PayPalRejection(answer)
            if rejection.has("PREVIOUS_REQUEST_IN_PROGRESS") || rejection.has("ORDER_COMPLETION_IN_PROGRESS") {
                return .unknown(PayPalOutage(.inProgress, retryAfter: answer.retryAfter, trace: trace))
            }
            return .rejected(rejection)
        }
    }

    // MARK: Logging

    private func log(_ call: PayPalCall, _ reply: PayPalReply<PayPalAnswer>, took: Duration) {
        let trace = reply.trace
        var metadata: Logger.Metadata = [
            "call": "\(call.name)", "milliseconds": "\(Int(took.inSeconds * 1000))",
        ]
        if let status = trace.status { metadata["status"] = "\(status)" }
        if let id = trace.debugID { metadata["paypal_debug_id"] = "\(id)" }
        if let id = trace.bodyDebugID, id != trace.debugID { metadata["paypal_body_debug_id"] = "\(id)" }
        switch reply {
        case .answered:
            logger.info("PayPal answered", metadata: metadata)
        case .rejected(let rejection):
            metadata["issue"] = "\(Self.shown(rejection.reason))"
            if let field = rejection.field { metadata["field"] = "\(Self.shown(field))" }
            logger.notice("PayPal refused", metadata: metadata)
        case .unavailable(let outage), .unknown(let outage):
            metadata["reason"] = "\(outage.reason.rawValue)"
            logger.warning("PayPal did not answer", metadata: metadata)
        }
    }

    /// Words of PayPal's lists and JSON pointers; what else a body says stays out of logs.
    private static func shown(_ text: String) -> String {
        String(text.prefix(80).map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-/ ".contains($0)) ? $0 : "?" })
    }
}
