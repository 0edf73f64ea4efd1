import Testing

@testable import ThriveCart

@Suite struct `Telling bodies apart` {
    @Test(arguments: [
        "", " \r\n", "{}", " { } ", "[]", "a=1", "event=", "event=null", "event[]=order.success", "hello",
    ])
    func `a body without an event is a ping`(body: String) throws {
        #expect(try ThriveCartBody.parse(Array(body.utf8)).isPing)
    }

    @Test(arguments: ["event=order.success", #" {"event":"order.success"}"#, "\r\n\t{\"event\":\"order.success\"}"])
    func `the first bytes tell the encoding`(body: String) throws {
        #expect(try ThriveCartBody.parse(Array(body.utf8)).event == "order.success")
    }

    @Test func `a body of 1 MiB is read, one byte more is refused`() throws {
        let body = Array("event=order.success&a=".utf8)
        let full = body + [UInt8](repeating: 0x61, count: ThriveCartBody.maximumSize - body.count)
        #expect(try ThriveCartBody.parse(full).event == "order.success")
        #expect(throws: ThriveCartError.tooLarge) { try ThriveCartBody.parse(full + [0x61]) }
    }

    @Test func `the delivery key is the webhook's id, the event's id, or a digest`() throws {
        #expect(try key("event=e&webhook_id=w-1&event_id=7") == "webhook:w-1")
        #expect(try key("event=e&webhook_id=null&event_id=7") == "event:e:7")
        #expect(try key("event=e&webhook_id[]=w&a=1").hasPrefix("sha256:"))
        #expect(try key("event=e&a=1&b=2") == key("b=2&a=1&thrivecart_secret=S&event=e"))
        #expect(try key("event=e&a=1&b=2") == key(#"{"b":2,"event":"e","a":"1","empty":{"list":[]}}"#))
        #expect(try key("event=e&a=null") == key(#"{"event":"e","a":null}"#))
        #expect(try key("event=e&a=1&b=2") != key("event=e&a=1&b=3"))
        #expect(try key("event=e&a=1b") != key("event=e&a=1&b="))
        #expect(try key("event=e&a[b]=1&c=2") != key("event=e&a[b]=1&a[c]=2"))
    }

    @Test func `an order has one delivery key in both encodings`() throws {
        let names = Fixtures.events.filter { $0.hasSuffix(".form") }
        #expect(names.count > 50)
        for name in names {
            let form = try Fixtures.payload(name)
            let json = try Fixtures.payload(String(name.dropLast(5)) + ".json")
            #expect(form.deliveryKey == json.deliveryKey, "\(name)")
            #expect(form.checkoutEvent(account: "") == json.checkoutEvent(account: ""), "\(name)")
        }
    }

    private func key(_ body: String) throws -> String { try ThriveCartBody.parse(Array(body.utf8)).deliveryKey }
}
