import NIOHTTP1
import SandboxPages
import TestKit
import Testing

@Suite struct `Tampering with deliveries` {
    @Test func `copies carry the same webhook id and the same bytes`() async throws {
        try await withShop { running in
            _ = try await running.ask(.PUT, "/api/faults", #"{"duplicate":2}"#)
            _ = try await running.buy()
            let webhooks = try await running.webhooks(3)
            #expect(Set(webhooks.map(\.body)).count == 1)
            #expect(try webhooks[0].field("webhook_id") != nil)
        }
    }

    @Test func `what is dropped never leaves, and can be sent by hand`() async throws {
        try await withShop { running in
            _ = try await running.ask(.PUT, "/api/faults", #"{"dropRate":1}"#)
            let order = try await running.buy()
            let list = try await running.ask(.GET, "/api/deliveries?order=\(order)")
            #expect(list["deliveries", 0, "state"] as? String == "lost")
            #expect(running.receiver.webhooks.isEmpty)

            #expect(try await running.ask(.POST, "/api/deliveries/1/resend").status == 202)
            #expect(try await running.webhooks(1).count == 1)
        }
    }

    @Test func `deliveries overtake one another`() async throws {
        try await withShop { running in
            _ = try await running.ask(.PUT, "/api/faults", #"{"reorder":true,"seed":5}"#)
            let order = try await running.buy()
            for _ in 1...5 { try await running.change(order, "renew") }
            let webhooks = try await running.webhooks(6)
            let numbers = try webhooks.map { try $0.field("recurring_payment_idx") ?? "0" }
            #expect(Set(numbers) == ["0", "1", "2", "3", "4", "5"])
            #expect(numbers != numbers.sorted())
        }
    }

    @Test func `without faults they come in the order of what happened`() async throws {
        try await withShop { running in
            let order = try await running.buy()
            for _ in 1...9 { try await running.change(order, "renew") }
            let webhooks = try await running.webhooks(10)
            let numbers = try webhooks.map { try $0.field("recurring_payment_idx") ?? "0" }
            #expect(numbers == (0...9).map(String.init))
        }
    }

    @Test func `the same seed gives the same mischief`() {
        let faults = Faults(duplicate: 1, delayMilliseconds: 20, reorder: true, dropRate: 0.3, seed: 42)
        var first = Mischief(faults)
        var second = Mischief(faults)
        var other = Mischief(Faults(duplicate: 1, delayMilliseconds: 20, reorder: true, dropRate: 0.3, seed: 43))
        let ids = Array(1...100)
        let (sent, lost) = first.parcels(for: ids)
        #expect(second.parcels(for: ids) == (sent, lost))
        #expect(other.parcels(for: ids) != (sent, lost))
        #expect((15...45).contains(lost.count))
        #expect(sent.count == 2 * (100 - lost.count))
        #expect(sent.allSatisfy { $0.wait >= .milliseconds(20) && !$0.keepsItsPlace })
    }

    @Test func `faults out of bounds are brought into them`() async throws {
        try await withShop { running in
            let answer = try await running.ask(
                .PUT,
                "/api/faults",
                #"{"duplicate":1000000,"delayMilliseconds":-5,"dropRate":7}"#
            )
            #expect(answer["duplicate"] as? Int == 20)
            #expect(answer["delayMilliseconds"] as? Int == 0)
            #expect(answer["dropRate"] as? Int == 1)
            #expect(try await running.ask(.DELETE, "/api/faults")["duplicate"] as? Int == 0)
        }
    }
}
