import NIOHTTP1
import SandboxPages
import TestKit
import Testing

@Suite struct `Delivering webhooks` {
    @Test func `what is refused is sent again with the same bytes until it is taken`() async throws {
        try await withShop(retries: [.milliseconds(5), .milliseconds(5), .milliseconds(5)]) { running in
            running.receiver.answer(503, 302)
            _ = try await running.buy()
            let webhooks = try await running.webhooks(3)
            #expect(Set(webhooks.map(\.body)).count == 1)
            try await eventually {
                let delivery = try await running.ask(.GET, "/api/deliveries/1")
                return delivery["delivery", "state"] as? String == "delivered"
            }
            let delivery = try await running.ask(.GET, "/api/deliveries/1")
            #expect(delivery["delivery", "attempts", 0, "status"] as? Int == 503)
            #expect(delivery["delivery", "attempts", 1, "status"] as? Int == 302)
            #expect(delivery["delivery", "answer"] as? String == #"{"job":"job-1"}"#)
            #expect(webhooks.allSatisfy { $0.path == "/hook" }, "redirects are not followed")
        }
    }

    @Test func `after the last retry it is given up`() async throws {
        try await withShop(retries: [.milliseconds(1)]) { running in
            running.receiver.answer(500, 500, 500)
            _ = try await running.buy()
            try await eventually { await running.shop.postman.delivery(1)?.state == .failed }
            #expect(running.receiver.webhooks.count == 2)
        }
    }

    @Test func `a destination that is down leaves the others alone`() async throws {
        try await withShop(besides: [Destination(url: "http://127.0.0.1:1/hook")]) { running in
            _ = try await running.buy()
            _ = try await running.webhooks(1)
            try await eventually { await running.shop.postman.delivery(1)?.state == .failed }
            #expect(await running.shop.postman.delivery(1)?.latest?.status == nil)
        }
    }

    @Test func `neither the API nor a page shows the secret`() async throws {
        for encoding in [Destination.Encoding.form, .json] {
            try await withShop(.account, encoding) { running in
                _ = try await running.buy()
                let body = String(decoding: try await running.webhooks(1)[0].body, as: UTF8.self)
                #expect(body.contains(RunningShop.secret))
                for path in ["/api/deliveries/1", "/api/deliveries", "/deliveries/1", "/deliveries", "/workshop"] {
                    let answer = try await running.ask(.GET, path)
                    #expect(answer.status == 200)
                    #expect(!answer.text.contains(RunningShop.secret), "\(path) shows it")
                }
            }
        }
    }
}

@Suite struct `Registering a destination` {
    @Test func `the address is pinged by HEAD and by an empty POST`() async throws {
        try await withShop { running in
            let body = #"{"url":"\#(running.target)/second"}"#
            let answer = try await running.ask(.POST, "/api/webhooks", body)
            #expect(answer.status == 201)
            #expect(running.receiver.all.map(\.method) == ["HEAD", "POST"])
            #expect(running.receiver.all.allSatisfy { $0.body.isEmpty && $0.path == "/second" })

            _ = try await running.buy()
            #expect(Set(try await running.webhooks(2).map(\.path)) == ["/hook", "/second"])
        }
    }

    @Test(arguments: [[500], [200, 404]]) func `one that does not answer well is refused`(statuses: [Int]) async throws
    {
        try await withShop { running in
            for status in statuses { running.receiver.answer(status) }
            let answer = try await running.ask(.POST, "/api/webhooks", #"{"url":"\#(running.target)/second"}"#)
            #expect(answer.status == 422)
            #expect(await running.shop.postman.destinations.count == 1)
        }
    }

    @Test(arguments: ["", "ftp://x/y", "nonsense", "http://"]) func `what is no address is refused`(url: String)
        async throws
    {
        try await withShop { running in
            let answer = try await running.ask(.POST, "/api/webhooks", #"{"url":"\#(url)"}"#)
            #expect(answer.status == 422)
        }
    }

    @Test func `what was removed gets nothing more`() async throws {
        try await withShop { running in
            #expect(
                try await running.ask(.DELETE, "/api/webhooks", #"{"url":"\#(running.target)/hook"}"#).status == 204
            )
            let order = try await running.buy()
            let list = try await running.ask(.GET, "/api/deliveries?order=\(order)")
            #expect((list["deliveries"] as? [Any])?.isEmpty == true)
        }
    }
}
