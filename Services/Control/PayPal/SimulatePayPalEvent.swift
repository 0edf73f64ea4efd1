import ArgumentParser
import Domain
import Foundation
import PayPal
import Postgres
import Store

struct SimulatePayPalEvent: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Send a merchant an event that never happened, for its tests.",
        discussion: """
            The latest real event of the type is taken, changed where --set says so, and sent the way of every forward: \
            signed, with X-Thrive-Webhook-Simulated: true. THRIVE.ACCESS.REVOKE is made as dunning makes it; it takes \
            access away at the shop, so mind which one. Exit status 1 when the shop does not answer with 2xx.

            EXAMPLE
              gatehouse paypal webhooks simulate --event PAYMENT.CAPTURE.COMPLETED --merchant HF5SN9RKCTNJ2 \\
                --set resource.amount.value=15.00 --set x_thrive_order_id=1234
              gatehouse paypal webhooks simulate --event THRIVE.ACCESS.REVOKE --merchant HF5SN9RKCTNJ2 \\
                --subscription-id 6XE605547B957144A
            """
    )

    @Option(name: .long, help: "The event's type.")
    var event: String

    @Option(name: .long, help: "The merchant: our id, or PayPal's.")
    var merchant: String

    @Option(
        name: .long,
        help: ArgumentHelp("Put a value in a place of the body; again for more.", valueName: "a.b=c"),
        transform: Override.plain
    )
    var set: [Override] = []

    @Option(
        name: .customLong("set-json"),
        help: ArgumentHelp("The same with a JSON value.", valueName: "a.b=json"),
        transform: Override.json
    )
    var setJSON: [Override] = []

    @Option(name: .customLong("subscription-id"), help: "The subscription it is about: the id that the shop knows.")
    var subscription: String?

    @OptionGroup var output: OutputOptions

    struct Reply: Answer {
        var message: String
        var event: String
        /// The shop's; absent when it was not reached.
        var responseCode: Int?
        var failure: String?

        var exitStatus: ExitStatus { responseCode.map { (200...299).contains($0) } == true ? .ok : .failure }

        func show(on page: inout Page) {
            if let responseCode {
                page.line("The shop answered \(responseCode).", exitStatus == .ok ? .good : .bad)
            } else {
                page.line(failure ?? "It was not tried within 40 s: does the process notifications run?", .bad)
            }
        }
    }

    func answer(at desk: Desk) async throws -> Reply {
        let (store, now) = (try desk.store, Date.now)
        let (id, name) = try await store.transaction { transaction in
            let merchant = try transaction.knownMerchant(self.merchant)
            guard merchant.webhooksURL != nil else {
                throw CommandProblem.failure(
                    "the merchant has no webhooks_url",
                    fix: "the shop sets it: PATCH /merchant"
                )
            }
            let forward = try forward(to: merchant, transaction, at: now)
            // Because nothing would go out, and the wait for it would end in a wrong suspicion.
            if let off = try transaction.endpoints(of: .merchant(merchant.id)).first(where: { $0.state != .enabled }),
                off.url == merchant.webhooksURL
            {
                throw CommandProblem.failure(
                    "the merchant's webhooks_url is switched off (\(off.state.rawValue))",
                    fix: "gatehouse endpoint enable \(off.id)"
                )
            }
            guard let id = try transaction.stageForward(forward, to: merchant.id, at: now) else {
                throw CommandProblem.failure("the event could not be staged")
            }
            return (id, forward.event)
        }
        for _ in 0..<200 {
            if let attempt = try await store.read({ try $0.firstAttempt(of: id) }) {
                return Reply(
                    message: id.description,
                    event: name,
                    responseCode: attempt.status,
                    failure: attempt.failure
                )
            }
            try await Task.sleep(for: .milliseconds(200))
        }
        return Reply(message: id.description, event: name)
    }

    // MARK: What is sent

    private func forward(to merchant: Merchant, _ transaction: Transaction, at now: Date) throws -> Forward {
        let about = try subscription.map { id in
            guard let found = try transaction.vaultSubscription(payPalID: id, of: merchant.id) else {
                throw CommandProblem.failure("the merchant has no subscription \(id)")
            }
            return found
        }
        let base: PayPalEventRecord?
        let body: [UInt8]
        if event == AccessRevoke.type {
            guard let about else {
                throw CommandProblem.usage("\(event) is about a subscription", fix: "name it with --subscription-id")
            }
            base = nil
            body = try AccessRevoke.forward(
                of: about,
                merchantPayPalID: merchant.payPalID,
                lastError: about.lastError ?? "PayPal call orders_create failed: HTTP 422",
                isSimulated: true,
                at: now
            ).body
        } else {
            guard let latest = try transaction.payPalEvents(ofType: event, limit: 1).first else {
                throw CommandProblem.failure(
                    "no real \(event) event was found, and none is made up",
                    fix: "let one happen in PayPal's sandbox once"
                )
            }
            base = latest
            body = latest.body
        }
        return try forward(body, base, about)
    }

    private func forward(_ body: [UInt8], _ base: PayPalEventRecord?, _ about: VaultSubscription?) throws -> Forward {
        guard var json = JSON(parsing: body) else { throw CommandProblem.failure("the event's body can't be read") }
        // The shop's own id is spliced in on the way, as it always is.
        var order = about?.thriveOrderID
        json = json.removing(Self.orderKey)
        for change in set + setJSON {
            guard change.path != [Self.orderKey] else {
                order = change.value.int.map(Int64.init)
                continue
            }
            json = change.applied(to: json)
        }
        let changed = set.isEmpty && setJSON.isEmpty && JSON(parsing: body) == json ? body : json.bytes
        do {
            return try Forward(
                event: json["id"].string ?? "",
                type: json["event_type"].string ?? event,
                body: changed,
                order: order,
                paypal: base?.headersByName ?? [:],
                isSimulated: true
            )
        } catch {
            throw CommandProblem.usage("such an event can't be sent: \(error)")
        }
    }

    private static let orderKey = "x_thrive_order_id"
}
