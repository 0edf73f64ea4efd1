import NIOCore
import Redis
import Testing

@Suite struct `Waiting before the next try` {
    private let backoff = Backoff(longest: .seconds(15))

    @Test func `every failure doubles it, up to the longest`() {
        var random = SystemRandomNumberGenerator()
        for (failures, milliseconds) in [(0, 50), (1, 100), (5, 1_600), (8, 12_800), (9, 15_000), (.max, 15_000)] {
            for _ in 0..<100 {
                let pause = backoff.pause(after: failures, using: &random)
                #expect(pause <= .milliseconds(Int64(milliseconds)))
                #expect(pause >= .milliseconds(Int64(milliseconds) / 2))
            }
        }
    }

    @Test func `two processes hardly ever wait the same`() {
        var random = SystemRandomNumberGenerator()
        #expect(Set((0..<100).map { _ in backoff.pause(after: 9, using: &random) }).count > 90)
    }

    @Test func `who is waited for comes within a second`() {
        var random = SystemRandomNumberGenerator()
        #expect(backoff.pauseInAHurry(using: &random) <= .seconds(1))
        #expect(Backoff(longest: .milliseconds(10)).pauseInAHurry(using: &random) <= .milliseconds(10))
    }

    @Test func `no setting makes it spin`() {
        var random = SystemRandomNumberGenerator()
        #expect(Backoff(longest: .zero).pause(after: 3, using: &random) > .zero)
    }
}
