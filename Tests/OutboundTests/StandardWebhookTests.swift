import Foundation
import Outbound
import Testing

@Suite struct `Signing what we send` {
    /// The published vector of Standard Webhooks.
    let secret = Array(Data(base64Encoded: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")!)
    let body = Array(#"{"test": 2432232314}"#.utf8)
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
    let now = Date(timeIntervalSince1970: 1_614_265_330.75)

    @Test func `the published vector comes out`() throws {
        let headers = try #require(StandardWebhook(secrets: [secret])).headers(id: id, body: body, at: now)
        #expect(headers.map(\.0) == ["webhook-id", "webhook-timestamp", "webhook-signature"])
        #expect(headers.map(\.1) == [id, "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="])
    }

    @Test func `while a secret is rotated both sign, the new one first`() throws {
        let newer = [UInt8](repeating: 7, count: 32)
        let both = try #require(StandardWebhook(secrets: [newer, secret])).headers(id: id, body: body, at: now)
        let signatures = both[2].1.split(separator: " ")
        #expect(signatures.count == 2)
        #expect(signatures[1] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test(arguments: [[], [[]], [[UInt8](repeating: 1, count: 23)], [[UInt8](repeating: 1, count: 65)]])
    func `no secret, an empty or a short one signs nothing`(secrets: [[UInt8]]) {
        #expect(StandardWebhook(secrets: secrets) == nil)
    }
}

@Suite struct `When a failed delivery is tried again` {
    let now = Date(timeIntervalSince1970: 1_790_000_000)

    @Test func `ten tries, the waits as published, within ten percent`() {
        for attempt in 1...9 {
            let nominal = DeliverySchedule.waits[attempt]
            #expect(DeliverySchedule.wait(after: attempt, retryAfter: nil, now: now, jitter: 0) == nominal * 0.9)
            #expect(DeliverySchedule.wait(after: attempt, retryAfter: nil, now: now, jitter: 0.5) == nominal)
            #expect(
                (DeliverySchedule.wait(after: attempt, retryAfter: nil, now: now, jitter: 1) ?? .zero) <= nominal * 1.1
            )
        }
        #expect(DeliverySchedule.wait(after: 10, retryAfter: nil, now: now, jitter: 0) == nil)
        #expect(DeliverySchedule.wait(after: 0, retryAfter: nil, now: now, jitter: 0) == nil)
    }

    @Test(arguments: [
        ("120", Duration.seconds(120)), ("999999999", .seconds(86_400)), ("0", .seconds(5)), ("-1", .seconds(5)),
        ("soon", .seconds(5)), ("", .seconds(5)), ("99999999999999999999", .seconds(5)), ("1e9", .seconds(5)),
        ("Mon, 21 Sep 2026 14:23:20 GMT", .seconds(600)), ("Mon, 21 Sep 2026 14:03:20 GMT", .seconds(5)),
        ("Fri, 21 Sep 2096 14:03:20 GMT", .seconds(86_400)),
    ]) func `what the receiver asks for is honoured up to a day`(asked: String, wait: Duration) {
        #expect(DeliverySchedule.wait(after: 1, retryAfter: asked, now: now, jitter: 0.5) == wait)
    }
}
