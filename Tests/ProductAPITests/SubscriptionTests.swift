import Domain
import Foundation
import NIOHTTP1
import Postgres
import ProductAPIRoutes
import SandboxKit
import SandboxPages
import Store
import TestKit
import Testing

extension RunningAPI {
    func subscribe(_ merchant: Connected, _ body: String) async throws -> Answer {
        try await call(.POST, "/subscriptions", body, bearer: merchant.bearer)
    }

    func activate(_ merchant: Connected, _ id: String) async throws -> Answer {
        try await call(.POST, "/subscriptions/\(id)/activate", bearer: merchant.bearer)
    }
}

extension RunningPayPal.Answer {
    func vault(_ source: String) -> String? {
        json["payment_source"]?[source]?["attributes"]?["vault"]?["id"]?.text
    }
}

@Suite(.database(.gatehouse)) struct `Vault subscriptions` {
    // MARK: Which flow does each method use

    @Test func `row paypal, free trial: vault-first, nothing charged, trialing`() async throws {
        try await trial("paypal", approval: #"{"email": "buyer@example.com"}"#)
    }

    @Test func `row card, free trial: vault-first, nothing charged, trialing`() async throws {
        try await trial("card", approval: #"{"card": {"number": "4111111111111111", "expiry": "2031-01"}}"#)
    }

    private func trial(_ source: String, approval: String) async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let created = try await api.subscribe(merchant, RunningAPI.subscription(source, trialDays: 7))
            #expect(created.status == 201, "\(created.text)")
            #expect(created.statusText == "PAYER_ACTION_REQUIRED")
            #expect(created.link("approve") != nil)
            try await api.approve(setupToken: created.id, approval)
            let before = Int(Date.now.timeIntervalSince1970)
            let active = try await api.activate(merchant, created.id)
            #expect(active.status == 200, "\(active.text)")
            #expect(active.statusText == "trialing")
            #expect(active.json["vaulted"] == true)
            #expect(active.json["subscription_id"]?.text == created.id)
            #expect(active.json["trial_days"]?.integer == 7)
            let next = try #require(active.json["next_charge_at"]?.integer)
            #expect((before + 7 * 86_400 - 5...before + 7 * 86_400 + 120).contains(next))
            let again = try await api.activate(merchant, created.id)
            #expect(again.json == active.json)
            #expect(try await api.ledger().isEmpty)
            let kept = try #require(try await api.kept(created.id))
            #expect(kept.status == .trialing && kept.nextPeriod == 0 && kept.nextActionAt == kept.anchorAt)
        }
    }

    @Test
    func `row paypal, non-trial: vault-first, POST subscriptions activate charges once and gives the vault token`()
        async throws
    {
        try await withAPI { api in
            let merchant = try await api.connect()
            let created = try await api.subscribe(merchant, RunningAPI.subscription("paypal"))
            #expect(created.status == 201 && created.link("approve") != nil, "\(created.text)")
            try await api.approve(setupToken: created.id)
            let active = try await api.activate(merchant, created.id)
            #expect(active.status == 200 && active.statusText == "COMPLETED", "\(active.text)")
            #expect(active.captureID != nil)
            #expect(active.vault("paypal")?.isEmpty == false)
            for _ in 0..<2 {
                let again = try await api.activate(merchant, created.id)
                #expect(again.captureID == active.captureID)
                #expect(again.vault("paypal") == active.vault("paypal"))
            }
            let taken = try await api.ledger()
            #expect(taken.count == 1)
            #expect(taken.first?["minor"]?.integer == 999)
            let kept = try #require(try await api.kept(created.id))
            #expect(kept.status == .active && kept.nextPeriod == 1)
            let (next, due) = (try #require(kept.nextActionAt), try #require(kept.due(1)))
            #expect(abs(next.timeIntervalSince(due)) < 0.001)
        }
    }

    @Test(arguments: ["card", "apple_pay"])
    func `rows card and apple_pay, non-trial: capture-first`(source: String) async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let created = try await api.subscribe(merchant, RunningAPI.subscription(source))
            #expect(created.status == 201, "\(created.text)")
            let approval = #"{"card": {"number": "4111111111111111", "expiry": "2031-01"}}"#
            try await api.approve(order: created.id, approval)
            let direct = try await api.call(.POST, "/orders/\(created.id)/capture", bearer: merchant.bearer)
            #expect(direct.isEnvelope(422))
            let active = try await api.activate(merchant, created.id)
            #expect(active.status == 200 && active.statusText == "COMPLETED", "\(active.text)")
            #expect(active.vault(source)?.isEmpty == false)
            let again = try await api.activate(merchant, created.id)
            #expect(again.captureID == active.captureID)
            #expect(try await api.ledger().count == 1)
            #expect(try await api.kept(created.id)?.status == .active)
        }
    }

    @Test func `row venmo, non-trial: capture-first, and 502 in the sandbox, which never keeps it`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let created = try await api.subscribe(merchant, RunningAPI.subscription("venmo"))
            #expect(created.status == 201, "\(created.text)")
            try await api.approve(order: created.id)
            #expect(try await api.activate(merchant, created.id).isEnvelope(502))
            #expect(try await api.ledger().count == 1)
            #expect(try await api.kept(created.id)?.isVaultPending == true)
        }
    }

    // MARK: Validation (422s)

    @Test(arguments: ["-1", "1.5", #""7""#, "true"])
    func `row trial_days negative or non-integer`(days: String) async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let answer = try await api.subscribe(
                merchant,
                RunningAPI.subscription("paypal", more: #", "trial_days": \#(days)"#)
            )
            #expect(answer.isEnvelope(422))
            #expect(answer.error == "trial_days must be a non-negative integer.")
        }
    }

    @Test(arguments: ["venmo", "apple_pay", "google_pay"])
    func `row trial_days with a source that is not paypal or card`(source: String) async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let answer = try await api.subscribe(merchant, RunningAPI.subscription(source, trialDays: 7))
            #expect(answer.isEnvelope(422))
            #expect(answer.json["eligible"]?.values.compactMap(\.text) == ["paypal", "card"])
        }
    }

    @Test func `row trial_days without recurring_times`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let body = RunningAPI.order(more: #", "source": "paypal", "trial_days": 7, "thrive_order_id": 1"#)
            let answer = try await api.subscribe(merchant, body)
            #expect(answer.isEnvelope(422))
            #expect(answer.error == "A free trial requires recurring_times.")
        }
    }

    @Test func `row trial_days 0 is no trial`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let created = try await api.subscribe(merchant, RunningAPI.subscription("paypal", trialDays: 0))
            try await api.approve(setupToken: created.id)
            #expect(try await api.activate(merchant, created.id).statusText == "COMPLETED")
        }
    }

    @Test func `POST subscriptions wants its extra fields, from their lists`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            for (more, field) in [
                (#", "recurring_times": "1 month", "thrive_order_id": 1"#, "data.source"),
                (#", "source": "google_pay", "recurring_times": "1 month", "thrive_order_id": 1"#, "data.source"),
                (#", "source": "paypal", "thrive_order_id": 1"#, "data.recurring_times"),
                (
                    #", "source": "paypal", "recurring_times": "next tuesday", "thrive_order_id": 1"#,
                    "data.recurring_times"
                ),
                (
                    #", "source": "paypal", "recurring_times": "1 month", "thrive_order_id": "x"}"#,
                    "data.thrive_order_id"
                ),
                (#", "source": "paypal", "recurring_times": "1 month""#, "data.thrive_order_id"),
            ] {
                let body = RunningAPI.order(more: more.hasSuffix("}") ? String(more.dropLast()) : more)
                let answer = try await api.subscribe(merchant, body)
                #expect(answer.complains(of: field), "\(field): \(answer.text)")
            }
        }
    }

    @Test func `each spelling of recurring_times is taken and told again`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            for spelling in BillingFrequency.recurringTimes {
                let body = RunningAPI.order(
                    more: #", "source": "paypal", "recurring_times": "\#(spelling)", "thrive_order_id": 1"#
                )
                let created = try await api.subscribe(merchant, body)
                #expect(created.status == 201, "\(spelling): \(created.text)")
                let looked = try await api.call(.GET, "/subscriptions/\(created.id)", bearer: merchant.bearer)
                #expect(looked.json["interval"]?.text == spelling)
            }
        }
    }

    // MARK: Looking and canceling

    @Test func `GET subscriptions has interval, and vault_id once it is activated`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let created = try await api.subscribe(merchant, RunningAPI.subscription("paypal"))
            let early = try await api.call(.GET, "/subscriptions/\(created.id)", bearer: merchant.bearer)
            #expect(early.id == created.id && early.json["vault_id"] == nil)
            try await api.approve(setupToken: created.id)
            let active = try await api.activate(merchant, created.id)
            let looked = try await api.call(.GET, "/subscriptions/\(created.id)", bearer: merchant.bearer)
            #expect(looked.id == created.id)
            #expect(looked.statusText == "COMPLETED")
            #expect(looked.json["vault_id"]?.text == active.vault("paypal"))
            #expect(looked.captureID == active.captureID)
            #expect(
                try await api.call(.GET, "/subscriptions/8AB12345CD678901E", bearer: merchant.bearer).isEnvelope(404)
            )
        }
    }

    @Test func `POST subscriptions cancel deletes the vault token, and twice is the same`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let created = try await api.subscribe(merchant, RunningAPI.subscription("paypal", trialDays: 3))
            try await api.approve(setupToken: created.id)
            _ = try await api.activate(merchant, created.id)
            let first = try await api.call(.POST, "/subscriptions/\(created.id)/cancel", bearer: merchant.bearer)
            #expect(first.text == #"{"ok":true,"id":"\#(created.id)","deactivated":true,"vault_deleted":true}"#)
            let again = try await api.call(.POST, "/subscriptions/\(created.id)/cancel", bearer: merchant.bearer)
            #expect(again.text == #"{"ok":true,"id":"\#(created.id)","deactivated":true,"vault_deleted":false}"#)
            let kept = try #require(try await api.kept(created.id))
            #expect(kept.status == .canceled && !kept.hasVaultToken)
            #expect(try await api.activate(merchant, created.id).isEnvelope(422))
            #expect(try await api.ledger().isEmpty)
        }
    }

    @Test func `a token that PayPal could not delete at once is deleted by the job`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let created = try await api.subscribe(merchant, RunningAPI.subscription("paypal", trialDays: 3))
            try await api.approve(setupToken: created.id)
            _ = try await api.activate(merchant, created.id)
            try await api.fault(#"{"fault": "error", "call": "payment_tokens.delete", "count": 1}"#)
            let answer = try await api.call(.POST, "/subscriptions/\(created.id)/cancel", bearer: merchant.bearer)
            #expect(answer.status == 200 && answer.json["vault_deleted"] == false)
            #expect(try await api.kept(created.id)?.hasVaultToken == true)
            try await api.run(PurgeVaultTokens())
            #expect(try await api.kept(created.id)?.hasVaultToken == false)
        }
    }

    @Test func `vault tokens are sealed in the database`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let created = try await api.subscribe(merchant, RunningAPI.subscription("paypal"))
            try await api.approve(setupToken: created.id)
            let token = try #require(try await api.activate(merchant, created.id).vault("paypal"))
            let database = try #require(TestDatabase.current)
            let text = try await database.pool.read { tx in
                try tx.rows("SELECT string_agg(encode(vault_token, 'escape'), ' ') FROM vault_subscriptions")
                    .decode(String.self)
            }
            #expect(text.count == 1 && text.first?.contains(token) == false)
            #expect(!api.log.text.contains(token))
        }
    }
}

@Suite(.database(.gatehouse)) struct `Activating when things go wrong` {
    @Test func `before the buyer approved it is 503, and afterwards it works`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let created = try await api.subscribe(merchant, RunningAPI.subscription("paypal"))
            #expect(try await api.activate(merchant, created.id).isEnvelope(503))
            try await api.approve(setupToken: created.id)
            #expect(try await api.activate(merchant, created.id).statusText == "COMPLETED")
        }
    }

    @Test(arguments: ["payment_tokens.create", "orders.create"])
    func `an answer that is lost at any step charges once in the end`(call: String) async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let created = try await api.subscribe(merchant, RunningAPI.subscription("paypal"))
            try await api.approve(setupToken: created.id)
            try await api.fault(#"{"fault": "reset_after", "call": "\#(call)", "count": 2}"#)
            for _ in 0..<2 { #expect(try await api.activate(merchant, created.id).isEnvelope(503)) }
            let active = try await api.activate(merchant, created.id)
            #expect(active.statusText == "COMPLETED", "\(active.text)")
            #expect(try await api.ledger().count == 1)
        }
    }

    @Test func `a first charge without an outcome is never sent again once PayPal may have forgotten it`() async throws
    {
        let clock = MovedClock()
        try await withAPI(now: { clock.now }) { api in
            let merchant = try await api.connect()
            let created = try await api.subscribe(merchant, RunningAPI.subscription("paypal"))
            try await api.approve(setupToken: created.id)
            try await api.fault(#"{"fault": "reset_after", "call": "orders.create", "count": 1}"#)
            #expect(try await api.activate(merchant, created.id).isEnvelope(503))
            clock.move(by: 6 * 3600)
            _ = try await api.payPal.ask(.POST, "/_sandbox/clock", #"{"seconds": 25200}"#)
            #expect(try await api.activate(merchant, created.id).isEnvelope(503))
            #expect(try await api.ledger().count == 1)
        }
    }

    @Test func `the first charge is an obligation like every other, written down and paid once`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            for source in ["paypal", "card"] {
                let created = try await api.subscribe(merchant, RunningAPI.subscription(source))
                if source == "paypal" {
                    try await api.approve(setupToken: created.id)
                } else {
                    let card = #"{"card": {"number": "4111111111111111", "expiry": "2031-01"}}"#
                    try await api.approve(order: created.id, card)
                }
                let active = try await api.activate(merchant, created.id)
                let kept = try #require(try await api.kept(created.id))
                let periods = try await api.store.read { try $0.chargePeriods(of: kept.id) }
                #expect(periods.map(\.status) == [.paid], "\(source)")
                #expect(periods.first?.captureID == active.captureID)
                for invariant in RenewalInvariant.all {
                    #expect(try await api.store.read { try $0.violations(of: invariant, at: .now) }.isEmpty)
                }
            }
        }
    }

    @Test func `a declined first charge ends it, and leaves nothing in the vault`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let created = try await api.subscribe(merchant, RunningAPI.subscription("paypal"))
            try await api.approve(setupToken: created.id)
            try await api.fault(#"{"fault": "decline", "call": "orders.create", "count": 1}"#)
            #expect(try await api.activate(merchant, created.id).isEnvelope(503))
            let kept = try #require(try await api.kept(created.id))
            #expect(kept.status == .canceled && !kept.hasVaultToken)
            #expect(try await api.ledger().isEmpty)
        }
    }

    @Test func `captured without a vault token is 502, the payment is kept, and a later activation works`() async throws
    {
        let clock = MovedClock()
        try await withAPI(now: { clock.now }) { api in
            let merchant = try await api.connect()
            let created = try await api.subscribe(merchant, RunningAPI.subscription("card"))
            try await api.approve(order: created.id, #"{"card": {"number": "4111111111111111", "expiry": "2031-01"}}"#)
            try await api.fault(#"{"fault": "vault_pending", "call": "orders.capture", "count": 1, "seconds": 3600}"#)
            let early = try await api.activate(merchant, created.id)
            #expect(early.isEnvelope(502), "\(early.text)")
            let waiting = try #require(try await api.kept(created.id))
            #expect(waiting.isVaultPending && waiting.status == .activating)
            #expect(try await api.ledger().count == 1)

            _ = try await api.payPal.ask(.POST, "/_sandbox/clock", #"{"seconds": 3700}"#)
            clock.move(by: 3700)
            try await api.run(PollVaultTokens())
            let found = try #require(try await api.kept(created.id))
            // The shop was told that it failed: only its asking again makes it renew.
            #expect(found.hasVaultToken && !found.isVaultPending && found.status == .activating)
            let active = try await api.activate(merchant, created.id)
            #expect(active.status == 200 && active.statusText == "COMPLETED", "\(active.text)")
            #expect(active.vault("card")?.isEmpty == false)
            #expect(try await api.kept(created.id)?.status == .active)
            #expect(try await api.ledger().count == 1)
        }
    }

    @Test func `many at once activate once`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let created = try await api.subscribe(merchant, RunningAPI.subscription("paypal"))
            try await api.approve(setupToken: created.id)
            let answers = try await withThrowingTaskGroup(of: Answer.self) { group in
                for _ in 0..<5 { group.addTask { try await api.activate(merchant, created.id) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.allSatisfy { $0.status == 200 })
            #expect(Set(answers.map(\.captureID)).count == 1)
            #expect(try await api.ledger().count == 1)
        }
    }
}
