import Addresses
import Domain
import Foundation
import Jobs
import NIOHTTP1
import NotificationJobs
import Outbound
import Postgres
import ProductAPIRoutes
import SandboxKit
import SandboxPages
import Sealing
import Store
import TestKit
import Testing

@Suite(.database(.gatehouse)) struct `A shop trying its webhook` {
    @Test func `row WEBHOOK.TEST: POST webhooks test delivers it signed and tells what the handler answered`()
        async throws
    {
        try await withAPI { api in
            let receiver = try await TestKit.Receiver.start { request, _ in
                request.path == "/hook" ? .init(status: 204) : .init(status: 500)
            }
            let merchant = try await api.connect(webhooksURL: receiver.url("/hook"))
            try await api.delivering {
                let answer = try await api.call(.POST, "/webhooks/test", bearer: merchant.bearer)
                #expect(answer.status == 200, "\(answer.text)")
                #expect(answer.json["success"] == true)
                #expect(answer.json["response_code"]?.integer == 204)
                let id = try #require(answer.json["test_id"]?.text)
                #expect(id.wholeMatch(of: /TEST-[0-9A-F]{16}/) != nil)

                let request = try #require(receiver.requests(at: "/hook").first)
                let body = try #require(JSON.read(String(decoding: request.body, as: UTF8.self)))
                #expect(body["id"]?.text == id)
                #expect(body["event_type"]?.text == "WEBHOOK.TEST")
                #expect(body.at("resource", "id")?.text == id)
                let code = Digest.hmacSHA256(request.body, key: Array(merchant.webhookSecret.utf8))
                #expect(request.headers["x-thrive-webhook-signature"] == Digest.hex(code))
                #expect(request.headers["x-thrive-webhook-algorithm"] == "HMAC-SHA256")
                #expect(request.headers["x-thrive-forwarded-merchant"] == merchant.id)

                let moved = #"{"webhooks_url": "\#(receiver.url("/broken"))"}"#
                #expect(try await api.call(.PATCH, "/merchant", moved, bearer: merchant.bearer).status == 200)
                let broken = try await api.call(.POST, "/webhooks/test", bearer: merchant.bearer)
                #expect(broken.json["success"] == false)
                #expect(broken.json["response_code"]?.integer == 500)
            }
            try await receiver.stop()
        }
    }

    @Test(arguments: [Endpoint.State.delinquent, .gone])
    func `a shop whose webhook only failed has it back when it tries or names it again`(state: Endpoint.State)
        async throws
    {
        try await withAPI { api in
            let receiver = try await TestKit.Receiver.start()
            let url = receiver.url("/hook")
            let merchant = try await api.connect(webhooksURL: url)
            try await api.delivering {
                #expect(try await api.call(.POST, "/webhooks/test", bearer: merchant.bearer).json["success"] == true)
                let endpoint = try await api.switchOff(merchant, as: state)
                let answer = try await api.call(.POST, "/webhooks/test", bearer: merchant.bearer)
                #expect(answer.json["response_code"]?.integer == 200, "\(answer.text)")
                #expect(try await api.store.read { try $0.endpoint(endpoint) }?.state == .enabled)

                _ = try await api.switchOff(merchant, as: state)
                let missed = try await api.miss("WH-MISSED", merchant)
                let named = #"{"webhooks_url": "\#(url)"}"#
                #expect(
                    try await api.call(.PATCH, "/merchant", #"{"license_key": "k"}"#, bearer: merchant.bearer).status
                        == 200
                )
                #expect(try await api.store.read { try $0.endpoint(endpoint) }?.state == state)
                #expect(try await api.call(.PATCH, "/merchant", named, bearer: merchant.bearer).status == 200)
                #expect(try await api.store.read { try $0.endpoint(endpoint) }?.state == .enabled)
                let planned = try await api.deliveries(of: missed, to: merchant)
                #expect(planned.map(\.state) == [.pending], "it gets what it missed, after a minute")

                _ = try await api.switchOff(merchant, as: state)
                #expect(try await api.complete(merchant.id, secret: merchant.secret, webhooksURL: url).status == 200)
                #expect(try await api.store.read { try $0.endpoint(endpoint) }?.state == .enabled)
            }
            try await receiver.stop()
        }
    }

    @Test func `a webhook that the operator switched off stays off, and the shop is told`() async throws {
        try await withAPI { api in
            let receiver = try await TestKit.Receiver.start()
            let merchant = try await api.connect(webhooksURL: receiver.url("/hook"))
            try await api.delivering {
                _ = try await api.call(.POST, "/webhooks/test", bearer: merchant.bearer)
                let endpoint = try await api.switchOff(merchant, as: .disabled)
                let answer = try await api.call(.POST, "/webhooks/test", bearer: merchant.bearer)
                #expect(answer.isEnvelope(422), "\(answer.text)")
                #expect(try await api.store.read { try $0.endpoint(endpoint) }?.state == .disabled)
            }
            #expect(receiver.requests.count == 1)
            try await receiver.stop()
        }
    }

    @Test func `without an address there is nothing to try`() async throws {
        try await withAPI { api in
            let merchant = try await api.connect()
            let answer = try await api.call(.POST, "/webhooks/test", bearer: merchant.bearer)
            #expect(answer.isEnvelope(422))
        }
    }
}

extension RunningAPI {
    /// Switches the merchant's endpoint off, as failures or a person do.
    func switchOff(_ merchant: Connected, as state: Endpoint.State) async throws -> Endpoint.ID {
        try await store.transaction { tx in
            let known = try tx.merchants(ofAccount: merchant.id, in: .sandbox)[0]
            let endpoint = try tx.endpoints(of: .merchant(known.id))[0].id
            #expect(try tx.disable(endpoint, as: state, at: .now))
            return endpoint
        }
    }

    /// An event that is relayed, and goes to nobody.
    func miss(_ event: String, _ merchant: Connected) async throws -> Message.ID {
        let id = try await store.transaction { tx in
            let known = try tx.merchants(ofAccount: merchant.id, in: .sandbox)[0]
            let body = Array(#"{"id":"\#(event)","event_type":"PAYMENT.CAPTURE.REFUNDED"}"#.utf8)
            let forward = try Forward(event: event, type: "PAYMENT.CAPTURE.REFUNDED", body: body)
            return try tx.stageForward(forward, to: known.id, at: .now)
        }
        let database = try #require(TestDatabase.current)
        try await eventually {
            try await database.pool.read { tx in
                try tx.rows("SELECT count(*) FROM outbox_waiting").decode(Int.self) == [0]
            }
        }
        let message = try #require(id)
        #expect(try await deliveries(of: message, to: merchant).isEmpty)
        return message
    }

    func deliveries(of message: Message.ID, to merchant: Connected) async throws -> [FoundDelivery] {
        try await store.read { tx in
            let known = try tx.merchants(ofAccount: merchant.id, in: .sandbox)[0]
            return try tx.search(DeliverySearch(of: .merchant(known.id))).filter { $0.message == message }
        }
    }

    /// Relays and delivers messages while `body` runs.
    func delivering(_ body: @Sendable () async throws -> Void) async throws {
        let redis = try await TestRedis()
        let jobs = JobQueue(redis: redis.client, prefix: redis.prefix, logger: log.logger)
        let worker = Worker(
            NotificationDependencies(
                store: store,
                jobs: jobs,
                sealer: api.sealer,
                client: GuardedClient(
                    policy: AddressPolicy(allowing: [IPNetwork("127.0.0.0/8")!], own: [])
                ),
                rules: .development,
                logger: log.logger
            ),
            queue: jobs,
            runs: [DeliverMessages.self],
            concurrency: 4,
            logger: log.logger
        )
        let relay = OutboxRelay(store: store, jobs: jobs, logger: log.logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            group.addTask { try await relay.run() }
            try await body()
            group.cancelAll()
        }
    }
}
