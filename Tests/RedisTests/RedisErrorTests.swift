import Redis
import Testing

@Suite struct `What an error says` {
    @Test(arguments: ["BUSY", "LOADING", "MISCONF", "NOSCRIPT", "OOM", "READONLY", "TRYAGAIN", "WRONGPASS"])
    func `what the server mends or an operator must is worth another try`(code: String) {
        #expect(RedisError.server(code: code, message: "x").isTransient)
    }

    @Test(arguments: ["ERR", "WRONGTYPE", "EXECABORT"])
    func `what we did wrong is not`(code: String) {
        #expect(!RedisError.server(code: code, message: "x").isTransient)
    }

    @Test func `only a lost answer leaves it open what was done`() {
        #expect(RedisError.outcomeUnknown.outcomeIsUnknown)
        #expect(RedisError.protocolBroken("x").outcomeIsUnknown)
        for error in [RedisError.timedOut, .queueFull, .cancelled, .closed, .connect("x")] {
            #expect(!error.outcomeIsUnknown)
            #expect(error.isTransient)
        }
    }

    @Test func `our own words are not repeated`() {
        let error = RedisError.server(
            code: "ERR",
            message: "unknown command 'LEAK', with args beginning with: 'secret' 'more' "
        )
        #expect("\(error)" == "Redis answered ERR unknown command ")
    }
}
