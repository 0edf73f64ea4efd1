import Redis
import Synchronization
import TestKit
import Testing

/// Repeats a run: the same seed, the same numbers.
private struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        // SplitMix64.
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

private final class Count: Sendable {
    private let count = Atomic(0)
    var now: Int { count.load(ordering: .relaxed) }
    func add() { count.add(1, ordering: .relaxed) }
}

@Suite struct `Redis in disorder` {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `short deadlines, cancellations, cuts and late answers lose and mix up no call`(seed: UInt64) async throws {
        let proxy = try await Proxy(to: TestRedis.server().socket)
        var configuration = try RedisConfiguration(url: "unix://\(proxy.socket)")
        configuration.maximumWaiting = 64
        configuration.maximumBackoff = .milliseconds(5)
        configuration.commandTimeout = .milliseconds(500)
        let client = RedisClient(configuration, logger: .silent)
        let answered = Count()

        try await withThrowingTaskGroup { group in
            for worker in 0..<48 {
                group.addTask {
                    var dice = Dice(state: seed << 32 | UInt64(worker))
                    for round in 0..<60 {
                        let sent = "\(worker)/\(round)"
                        let isPatient = Int.random(in: 0..<4, using: &dice) == 0
                        let patience: Duration =
                            isPatient ? .seconds(10) : .microseconds(Int.random(in: 0...20_000, using: &dice))
                        let call = Task {
                            if round % 8 == 0 {
                                let answers = try await client.pipeline(
                                    [["ECHO", .text(sent)], ["ECHO", "second"]],
                                    deadline: patience
                                )
                                return try answers.map { try $0.get().string }
                            }
                            return [try await client.call(["ECHO", .text(sent)], deadline: patience).string]
                        }
                        if Int.random(in: 0..<6, using: &dice) == 0 { call.cancel() }
                        switch await call.result {
                        case .success(let strings):
                            #expect(strings.first == sent)
                            answered.add()
                        case .failure(let error):
                            #expect((error as? RedisError)?.isTransient == true)
                        }
                    }
                }
            }
            group.addTask {
                var dice = Dice(state: seed)
                for _ in 0..<30 {
                    try await proxy.holdAnswers()
                    if Bool.random(using: &dice) { try await proxy.cut() }
                    try await proxy.releaseAnswers()
                    let goal = answered.now + 5
                    // Because the workers may have finished, it is only a pause and may end without success.
                    try? await eventually(within: .milliseconds(20)) { answered.now >= goal }
                }
            }
            try await group.waitForAll()
        }
        #expect(answered.now > 0)

        // No place is lost: as many as may wait are still accepted at once.
        try await eventually { try await client.call(["PING"]) == .status("PONG") }
        try await withThrowingTaskGroup { group in
            for number in 0..<64 {
                group.addTask {
                    let answer = try await client.call(["ECHO", .int(number)], deadline: .seconds(10))
                    #expect(answer.int == number)
                }
            }
            try await group.waitForAll()
        }
        await client.close()
    }
}
