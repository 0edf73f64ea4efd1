import Redis
import Testing

@Suite struct `Reading a Redis URL` {
    @Test func `only a host is enough`() throws {
        let configuration = try RedisConfiguration(url: "redis://cache.example")
        #expect(configuration.address == .tcp(host: "cache.example", port: 6379))
        #expect(configuration.database == 0)
        #expect(configuration.user == nil)
        #expect(configuration.password == nil)
        #expect(configuration.tls == nil)
    }

    @Test func `everything may be said`() throws {
        let configuration = try RedisConfiguration(url: "rediss://app:p%40ss%2Fw@[::1]:6390/7?ca=/etc/ca%20x.pem")
        #expect(configuration.address == .tcp(host: "::1", port: 6390))
        #expect(configuration.user == "app")
        #expect(configuration.password == "p@ss/w")
        #expect(configuration.database == 7)
        #expect(configuration.tls == .init(trustRoots: "/etc/ca x.pem", verifiesServer: true))
    }

    @Test func `a password alone belongs to the default user`() throws {
        let configuration = try RedisConfiguration(url: "redis://:secret@h:1/")
        #expect(configuration.user == nil)
        #expect(configuration.password == "secret")
        #expect(configuration.address == .tcp(host: "h", port: 1))
    }

    @Test func `an at sign in the password needs no encoding`() throws {
        #expect(try RedisConfiguration(url: "redis://u:a@b@h").password == "a@b")
    }

    @Test func `a socket is a path`() throws {
        let configuration = try RedisConfiguration(url: "unix://:pw@/run/redis/s.sock?db=3")
        #expect(configuration.address == .unix(path: "/run/redis/s.sock"))
        #expect(configuration.database == 3)
        #expect(configuration.password == "pw")
    }

    @Test(arguments: [
        "", "redis", "localhost:6379", "http://h", "redis://", "redis://:6379", "redis://h:0", "redis://h:65536",
        "redis://h:x", "redis://h/x", "redis://h/-1", "redis://h/1/2", "redis://h?tls=no", "redis://h?ca=/x",
        "redis://u@h", "redis://u:%zz@h", "redis://u:%4", "redis://u:%ff@h", "redis://h#x", "redis://[::1", "unix://",
        "unix://host/path", "redis://[::1]x", "unix:///" + String(repeating: "x", count: 107),
    ])
    func `a wrong one is refused`(url: String) {
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(url: url) }
        guard case .badURL = error else {
            Issue.record("\(url) gave \(String(describing: error))")
            return
        }
    }

    @Test func `a password is never shown`() throws {
        let configuration = try RedisConfiguration(url: "rediss://app:hunter2@h/1")
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains("hunter2"))
        }
        #expect("\(configuration)" == "rediss://h:6379/1")
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(url: "redis://app:hunter2@h:99999") }
        #expect(error.map { !"\($0)".contains("hunter2") } == true)
    }
}
