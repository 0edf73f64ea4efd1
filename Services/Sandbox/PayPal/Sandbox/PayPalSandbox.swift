internal import Foundation
internal import HTTPTypes
package import Logging
internal import ServiceLifecycle
internal import Synchronization

/// A PayPal to try everything against. It keeps its books in memory and needs nothing.
///
/// Give `PayPalRoutes(sandbox:).routes` to a server, and `run()` to a task: it delivers webhooks until it is cancelled.
package final class PayPalSandbox: Service {
    package let clock: ShopClock
    let logger: Logger
    private let books: Mutex<Books>
    let courier: PayPalCourier
    private let initial: PayPalHabits

    package init(settings: PayPalHabits = PayPalHabits(), clock: ShopClock = ShopClock(), logger: Logger) {
        self.clock = clock
        self.logger = logger
        initial = settings
        books = Mutex(Self.newBooks(settings, clock))
        courier = PayPalCourier(logger: logger)
    }

    private static func newBooks(_ settings: PayPalHabits, _ clock: ShopClock) -> Books {
        var books = Books(settings: settings)
        books.now = clock.now
        // Because without certificates all but the webhooks works, and they say in the log what is wrong.
        books.authority = try? SigningAuthority.shared.get()
        return books
    }

    package func run() async throws {
        await courier.run(self)
    }

    /// As it was in the beginning, with the clock at the machine's time.
    package func reset() {
        clock.advance(by: -ShopClock.furthest)
        let fresh = Self.newBooks(initial, clock)
        books.withLock { books in
            let base = books.base
            books = fresh
            books.base = base
        }
    }

    // MARK: Its books

    /// Reads or changes the books, with what is due by now done; then webhooks leave.
    func withBooks<Answer: Sendable>(_ body: (inout Books) -> sending Answer) -> Answer {
        let (answer, isDue) = books.withLock { books in
            books.reach(clock.now)
            let answer = body(&books)
            return (answer, books.deliveries.next.map { $0 <= books.now } ?? false)
        }
        if isDue { courier.wake() }
        return answer
    }

    // MARK: Answering

    enum Outcome: Sendable {
        case reply(PayPalReply)
        /// The line breaks after so many seconds, and nothing was said.
        case silence(after: Double)
    }

    func answer(_ ask: PayPalAsk) async -> Outcome {
        var ask = ask
        let fault = withBooks { $0.drawFault(for: ask) }
        guard let fault else { return .reply(run(ask, nil)) }
        switch fault.fault {
        case .timeoutBefore, .resetBefore:
            note(ask, 0, fault)
            return .silence(after: fault.fault == .resetBefore ? 0 : fault.wait(or: 60))
        case .timeoutAfter, .resetAfter:
            _ = run(ask, fault)
            return .silence(after: fault.fault == .resetAfter ? 0 : fault.wait(or: 60))
        case .error:
            if fault.after == true { _ = run(ask, fault) } else { note(ask, fault.status ?? 500, fault) }
            return .reply(withBooks { $0.trouble(fault) })
        case .rateLimit:
            note(ask, 429, fault)
            return .reply(withBooks { $0.rateLimited(fault) })
        case .staleScope, .expiredToken:
            let reply = withBooks { $0.disownToken(of: ask, fault) }
            note(ask, reply.status, fault)
            return .reply(reply)
        case .slow: return .reply(await runSlowly(ask, fault))
        default:
            ask.outcome = fault
            return .reply(run(ask, fault))
        }
    }

    private func run(_ ask: PayPalAsk, _ fault: PayPalFault?) -> PayPalReply {
        withBooks { $0.run(ask, fault) }
    }

    private func note(_ ask: PayPalAsk, _ status: Int, _ fault: PayPalFault) {
        withBooks { $0.note(ask, status: status, issue: nil, isReplay: false, fault) }
    }

    /// Meanwhile another request with the same id is told to wait.
    private func runSlowly(_ ask: PayPalAsk, _ fault: PayPalFault) async -> PayPalReply {
        let key = withBooks { $0.begin(ask) }
        // Because being cancelled means that the process ends, and then nobody waits for the answer.
        try? await Task.sleep(for: .seconds(fault.wait(or: 5)))
        withBooks { $0.end(key) }
        return run(ask, fault)
    }
}

extension Books {
    // MARK: One call, from its authentication to its line in the request log

    mutating func run(_ ask: PayPalAsk, _ fault: PayPalFault?) -> PayPalReply {
        var ask = ask
        base = ask.base
        var reply: PayPalReply
        do throws(PayPalProblem) {
            try authenticate(&ask)
            if let key = RequestMemory.key(ask), underway.contains(key) { throw Self.wait(ask) }
            if let issue = ask.mockedIssue, Self.canBeMocked(ask.call) { throw .named(issue) }
            reply = try answer(ask)
        } catch {
            reply = PayPalReply(error, debugID: numbers.debugID())
        }
        reply.headers[.payPalDebugID] = numbers.debugID()
        let isReplay = reply.status == 200 && ask.call.memory != nil
        note(ask, status: reply.status, issue: reply.issue, isReplay: isReplay, fault)
        return reply
    }

    private static func canBeMocked(_ call: PayPalCall) -> Bool {
        switch call {
        case .createOrder, .getOrder, .patchOrder, .captureOrder, .getCapture, .refundCapture, .getRefund: true
        default: false
        }
    }

    private static func wait(_ ask: PayPalAsk) -> PayPalProblem {
        switch ask.call {
        case .captureOrder: .refused("ORDER_COMPLETION_IN_PROGRESS")
        default: .conflict()
        }
    }

    mutating func note(_ ask: PayPalAsk, status: Int, issue: String?, isReplay: Bool, _ fault: PayPalFault?) {
        requests.enter(
            RequestBook.Entry(
                at: now,
                call: ask.call,
                id: ask.id,
                merchant: ask.actingFor,
                requestID: ask.requestID,
                attribution: ask.headers[.payPalAttribution],
                metadataID: ask.headers[.payPalMetadataID],
                status: status,
                issue: issue,
                isReplay: isReplay,
                fault: fault?.fault.rawValue,
                took: ask.began.duration(to: .now)
            )
        )
    }

    // MARK: Faults

    mutating func drawFault(for ask: PayPalAsk) -> PayPalFault? {
        guard !faults.planned.isEmpty else { return nil }
        return faults.draw(for: ask, merchant: merchant(of: ask))
    }

    /// As far as it can be told before the call is looked at.
    private func merchant(of ask: PayPalAsk) -> String? {
        if let parts = ask.headers[.payPalAuthAssertion]?.split(separator: "."), parts.count > 1,
            let bytes = Base64URL.decoded(String(parts[1])),
            let claims = try? JSONReader.read(bytes)  // Because what can't be read is refused later.
        {
            return claims["payer_id"]?.text
        }
        if let order = orders[ask.id] ?? captures[ask.id].flatMap({ orders[$0] }) { return order.merchant }
        guard ask.call == .createOrder, let json = try? ask.json() else { return nil }  // Because, likewise.
        return json["purchase_units"]?[0]?.at("payee", "merchant_id")?.text
    }

    mutating func trouble(_ fault: PayPalFault) -> PayPalReply {
        let status = min(max(400, fault.status ?? 500), 599)
        var reply = PayPalReply(.server(status), debugID: numbers.debugID())
        if let issue = fault.issue { reply = PayPalReply(.named(issue), debugID: numbers.debugID()) }
        switch fault.body {
        case "html":
            reply.body = .html(
                "<html><head><title>\(status)</title></head><body><h1>Something went wrong</h1><hr>gateway</body></html>"
            )
        case "empty": reply.body = .none
        default: break
        }
        reply.headers[.payPalDebugID] = numbers.debugID()
        if let wait = fault.retryAfter { reply.headers[.retryAfter] = String(wait) }
        return reply
    }

    mutating func rateLimited(_ fault: PayPalFault) -> PayPalReply {
        var reply = PayPalReply(.rateLimited, debugID: numbers.debugID())
        reply.headers[.payPalDebugID] = numbers.debugID()
        if let wait = fault.retryAfter { reply.headers[.retryAfter] = String(wait) }
        return reply
    }

    /// The token lacks a scope that was granted after it was issued, or is not known any more.
    mutating func disownToken(of ask: PayPalAsk, _ fault: PayPalFault) -> PayPalReply {
        let text = String(ask.headers[.authorization]?.dropFirst(7) ?? "")
        if fault.fault == .staleScope {
            tokens[text]?.isStale = true
        } else {
            tokens[text] = nil
        }
        var reply = PayPalReply(fault.fault == .staleScope ? .forbidden() : .unknownToken, debugID: numbers.debugID())
        reply.headers[.payPalDebugID] = numbers.debugID()
        return reply
    }

    // MARK: Requests under way

    mutating func begin(_ ask: PayPalAsk) -> String? {
        var ask = ask
        // Because who has no right to ask is told so when the request is run.
        guard (try? authenticate(&ask)) != nil, let key = RequestMemory.key(ask) else { return nil }
        underway.insert(key)
        return key
    }

    mutating func end(_ key: String?) {
        if let key { underway.remove(key) }
    }
}
