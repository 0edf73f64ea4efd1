import Addresses
import NIOCore
import Outbound
import Synchronization
import TestKit
import Testing

@Suite struct `A line to one address` {
    private let loopback = AddressPolicy(allowing: [IPNetwork("127.0.0.1/32")!], own: [])
    private let rules = EndpointURL.Rules.development

    /// What a line is asked for and tells, as its caller keeps it.
    private final class Desk: Sendable {
        let state: Mutex<(waiting: [Int], underWay: Int, most: Int, ended: [Int: GuardedClient.Outcome])>

        init(_ count: Int) { state = Mutex((Array((0..<count).reversed()), 0, 0, [:])) }

        func next() -> GuardedClient.Request? {
            state.withLock { state in
                guard let number = state.waiting.popLast() else { return nil }
                state.underWay += 1
                state.most = max(state.most, state.underWay)
                return GuardedClient.Request(number: number, headers: [("x-number", "\(number)")], body: [1, 2, 3])
            }
        }

        func end(_ number: Int, _ outcome: GuardedClient.Outcome) {
            state.withLock { state in
                state.underWay -= 1
                state.ended[number] = outcome
            }
        }
    }

    @Test func `sends all that it is given, in order, and no more at once than it may`() async throws {
        let receiver = try await Receiver.start()
        let client = GuardedClient(policy: loopback, resolver: ScriptedResolver([["127.0.0.1"]]))
        for width in [1, 3] {
            let desk = Desk(200)
            let url = try EndpointURL("http://shop.example:\(receiver.port)/w\(width)", rules: rules)
            let line = try await client.line(
                to: url,
                width: width,
                next: { desk.next() },
                ended: { number, outcome, _ in desk.end(number, outcome) }
            )
            await line.end()
            let (ended, most) = desk.state.withLock { ($0.ended, $0.most) }
            #expect(ended.count == 200)
            #expect(ended.values.allSatisfy { $0.status == 200 })
            #expect(most == width)
        }
        let alone = receiver.requests(at: "/w1").map { $0.headers["x-number"] }
        #expect(alone == (0..<200).map { "\($0)" })
        #expect(receiver.requests(at: "/w3").count == 200)
        try await receiver.stop()
    }

    @Test func `wakes for what comes later`() async throws {
        let receiver = try await Receiver.start()
        let client = GuardedClient(policy: loopback, resolver: ScriptedResolver([["127.0.0.1"]]))
        let desk = Desk(0)
        let line = try await client.line(
            to: try EndpointURL("http://shop.example:\(receiver.port)/", rules: rules),
            next: { desk.next() },
            ended: { number, outcome, _ in desk.end(number, outcome) }
        )
        for number in 0..<3 {
            desk.state.withLock { $0.waiting.append(number) }
            line.wake()
            try await eventually { desk.state.withLock { $0.ended.count } == number + 1 }
        }
        await line.end()
        try await receiver.stop()
    }

    @Test func `ends soon when it is cancelled, and tells nothing of what it broke off`() async throws {
        let canary = try await Canary.start(answering: nil)
        let client = GuardedClient(policy: loopback, resolver: ScriptedResolver([["127.0.0.1"]]))
        let desk = Desk(5)
        let line = try await client.line(
            to: try EndpointURL("http://shop.example:\(canary.port)/", rules: rules),
            width: 2,
            next: { desk.next() },
            ended: { number, outcome, _ in desk.end(number, outcome) }
        )
        let task = Task { await line.end() }
        try await eventually { canary.connects == 2 }
        task.cancel()
        await task.value
        #expect(desk.state.withLock { $0.ended.isEmpty && $0.waiting.count == 3 })
        try await canary.stop()
    }

    @Test(arguments: [("x-a", "b\r\nx-c: d"), ("x-a\r\nx-c", "d"), ("x:a", "b"), ("", "b"), ("x-a", "b\u{0}")])
    func `a header that would be read as two is not sent`(name: String, value: String) async throws {
        let canary = try await Canary.start(answering: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        let outcome = await GuardedClient(policy: loopback, resolver: ScriptedResolver([["127.0.0.1"]]))
            .post(
                [],
                to: try EndpointURL("http://shop.example:\(canary.port)/", rules: rules),
                headers: [(name, value)]
            )
        #expect(outcome == .failed(.brokenRequest))
        #expect(canary.connects == 0)
        try await canary.stop()
    }

    @Test(arguments: [
        ("http://shop.example", "/"), ("http://shop.example?a=b", "/?a=b"),
        ("http://shop.example/a/b?c=%20d", "/a/b?c=%20d"),
        ("http://shop.example/{id}|\"<x>\"", "/%7Bid%7D%7C%22%3Cx%3E%22"),
    ]) func `what a URI can't hold is escaped, the rest stays as it was typed`(text: String, path: String) throws {
        #expect(try EndpointURL(text, rules: rules).path == path)
    }
}
