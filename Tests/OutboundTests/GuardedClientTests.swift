import Addresses
import NIOCore
import Outbound
import Testing

@Suite struct `The guarded way out` {
    /// Loopback stands for the public internet here: it is the only address that a test may reach.
    let loopback = AddressPolicy(allowing: [IPNetwork("127.0.0.1/32")!], own: [])
    let rules = EndpointURL.Rules.development

    func client(_ policy: AddressPolicy, _ resolver: any AddressResolver, timeout: Duration = .seconds(5))
        -> GuardedClient
    {
        GuardedClient(policy: policy, resolver: resolver, limits: .init(timeout: timeout, answer: 1024))
    }

    @Test func `posts the bytes and hands back the answer`() async throws {
        let canary = try await Canary.start(
            answering: "HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 4\r\n\r\nbusy"
        )
        let outcome = await client(loopback, ScriptedResolver([["127.0.0.1"]]))
            .post([1, 2], to: try EndpointURL("http://shop.example:\(canary.port)/", rules: rules), headers: [])
        #expect(
            outcome == .answered(.init(status: 503, body: Array("busy".utf8), retryAfter: "120"))
        )
        #expect(canary.connects == 1)
        try await canary.stop()
    }

    @Test(arguments: [
        ["127.0.0.1"], ["::1"], ["10.0.0.1"], ["169.254.169.254"], ["::ffff:127.0.0.1"], ["2606:4700::1", "127.0.0.1"],
        ["127.0.0.1", "1.1.1.1"], ["64:ff9b::7f00:1"],
    ]) func `never connects where one address of the name is not allowed`(addresses: [String]) async throws {
        let canary = try await Canary.start(answering: "HTTP/1.1 200 OK\r\n\r\n")
        let outcome = await client(AddressPolicy(own: []), ScriptedResolver([addresses]))
            .post([], to: try EndpointURL("http://shop.example:\(canary.port)/", rules: rules), headers: [])
        #expect(outcome == .failed(.addressNotAllowed))
        #expect(canary.connects == 0)
        try await canary.stop()
    }

    @Test func `a name that changes after the check is not asked again`() async throws {
        let canary = try await Canary.start(answering: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        let resolver = ScriptedResolver([["127.0.0.1"], ["127.0.0.2"]])
        let url = try EndpointURL("http://rebinding.example:\(canary.port)/", rules: rules)
        #expect(await client(loopback, resolver).post([], to: url, headers: []).status == 200)
        #expect(resolver.asked == 1)
        #expect(await client(loopback, resolver).post([], to: url, headers: []) == .failed(.addressNotAllowed))
        #expect(canary.connects == 1)
        try await canary.stop()
    }

    @Test(arguments: [301, 302, 303, 307, 308]) func `a redirect is an answer and is not followed`(status: Int)
        async throws
    {
        let target = try await Canary.start(answering: "HTTP/1.1 200 OK\r\n\r\n")
        let canary = try await Canary.start(
            answering:
                "HTTP/1.1 \(status) Moved\r\nLocation: http://127.0.0.1:\(target.port)/\r\nContent-Length: 0\r\n\r\n"
        )
        let outcome = await client(loopback, ScriptedResolver([["127.0.0.1"]]))
            .post([7], to: try EndpointURL("http://shop.example:\(canary.port)/", rules: rules), headers: [])
        #expect(outcome.status == status)
        #expect(target.connects == 0)
        try await canary.stop()
        try await target.stop()
    }

    @Test func `of an endless answer only the beginning is read`() async throws {
        let canary = try await Canary.start(
            answering: "HTTP/1.1 200 OK\r\n\r\n",
            repeating: String(repeating: "x", count: 4096)
        )
        let outcome = await client(loopback, ScriptedResolver([["127.0.0.1"]]))
            .post([], to: try EndpointURL("http://shop.example:\(canary.port)/", rules: rules), headers: [])
        #expect(outcome == .answered(.init(status: 200, body: Array(repeating: 120, count: 1024), retryAfter: nil)))
        try await canary.stop()
    }

    @Test func `a compressed answer is kept as it is`() async throws {
        let canary = try await Canary.start(
            answering: "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nzip"
        )
        let outcome = await client(loopback, ScriptedResolver([["127.0.0.1"]]))
            .post([], to: try EndpointURL("http://shop.example:\(canary.port)/", rules: rules), headers: [])
        #expect(outcome == .answered(.init(status: 200, body: Array("zip".utf8), retryAfter: nil)))
        try await canary.stop()
    }

    @Test func `endless headers and nonsense are broken answers`() async throws {
        for (answer, more) in [
            ("HTTP/1.1 200 OK\r\n", "X-Filler: \(String(repeating: "y", count: 2000))\r\n"), ("hello\r\n\r\n", nil),
        ] {
            let canary = try await Canary.start(answering: answer, repeating: more)
            let outcome = await client(loopback, ScriptedResolver([["127.0.0.1"]]))
                .post([], to: try EndpointURL("http://shop.example:\(canary.port)/", rules: rules), headers: [])
            #expect(outcome == .failed(.brokenAnswer))
            try await canary.stop()
        }
    }

    @Test func `who never answers is given up in time`() async throws {
        let canary = try await Canary.start(answering: nil)
        let outcome = await client(loopback, ScriptedResolver([["127.0.0.1"]]), timeout: .milliseconds(200))
            .post([], to: try EndpointURL("http://shop.example:\(canary.port)/", rules: rules), headers: [])
        #expect(outcome == .failed(.timedOut))
        try await canary.stop()
    }

    @Test func `an unknown name and a closed port are failures, not errors`() async throws {
        let canary = try await Canary.start(answering: nil)
        try await canary.stop()
        let url = try EndpointURL("http://shop.example:\(canary.port)/", rules: rules)
        #expect(await client(loopback, ScriptedResolver([[]])).post([], to: url, headers: []) == .failed(.unknownHost))
        #expect(
            await client(loopback, ScriptedResolver([["127.0.0.1"]])).post([], to: url, headers: [])
                == .failed(.unreachable)
        )
    }

    @Test func `the system's resolver knows loopback and refuses it`() async throws {
        let canary = try await Canary.start(answering: "HTTP/1.1 200 OK\r\n\r\n")
        let outcome = await client(AddressPolicy(own: []), SystemResolver())
            .post([], to: try EndpointURL("http://localhost:\(canary.port)/", rules: rules), headers: [])
        #expect(outcome == .failed(.addressNotAllowed))
        #expect(canary.connects == 0)
        try await canary.stop()
    }
}

extension GuardedClient.Outcome {
    var status: Int? { if case .answered(let answer) = self { answer.status } else { nil } }
}

@Suite struct `Connections used again` {
    private let loopback = AddressPolicy(allowing: [IPNetwork("127.0.0.1/32")!], own: [])
    private let rules = EndpointURL.Rules.development

    @Test func `an address that is not allowed any more is not called over an open connection`() async throws {
        let canary = try await Canary.start(answering: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        let resolver = ScriptedResolver([["127.0.0.1"], ["127.0.0.1"], ["10.0.0.1"]])
        let client = GuardedClient(policy: loopback, resolver: resolver, limits: .init(timeout: .seconds(5)))
        let url = try EndpointURL("http://shop.example:\(canary.port)/", rules: rules)
        // The canary closes after each answer, as a server may whenever it likes: the second is answered all the same.
        for _ in 0..<2 { #expect(await client.post([1], to: url, headers: []).status == 200) }
        #expect(await client.post([1], to: url, headers: []) == .failed(.addressNotAllowed))
        #expect(resolver.asked == 3)
        try await canary.stop()
    }

    @Test func `many hosts at once, more than are kept`() async throws {
        let canary = try await Canary.start(answering: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        let client = GuardedClient(
            policy: loopback,
            resolver: ScriptedResolver([["127.0.0.1"]]),
            limits: .init(timeout: .seconds(20))
        )
        let rules = rules
        let answered = try await withThrowingTaskGroup(of: Int?.self) { group in
            for number in 0..<700 {
                group.addTask {
                    let url = try EndpointURL("http://shop\(number).example:\(canary.port)/", rules: rules)
                    return await client.post([1], to: url, headers: []).status
                }
            }
            return try await group.reduce(0) { $0 + ($1 == 200 ? 1 : 0) }
        }
        #expect(answered == 700)
        try await canary.stop()
    }
}
