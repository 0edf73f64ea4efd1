import Boot
import Testing

@Suite struct `Settings of what is deployed` {
    /// Names that belong to the images of Postgres and Redis, or to the scripts alone.
    static let foreign: Set = [
        "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "POSTGRES_PORT", "REDIS_PASSWORD", "REDIS_PORT",
    ]

    @Test func `compose.yaml sets nothing that our processes do not read`() throws {
        for match in try Project.text("docker/compose.yaml").matches(of: #/\n      ([A-Z_]+): /#) {
            expectKnown(String(match.1))
        }
    }

    @Test func `the local system sets nothing that our processes do not read`() throws {
        let text = try Project.text("docker/local/settings.sh")
        let list = try #require(text.firstMatch(of: /for name in (APP_KEYS APP_URL[^;]+); do/)).1
        for name in list.split(whereSeparator: { $0.isWhitespace || $0 == "\\" }) { expectKnown(String(name)) }
    }

    private func expectKnown(_ name: String) {
        let plain = name.hasSuffix("_FILE") ? String(name.dropLast(5)) : name
        guard !Self.foreign.contains(plain) else { return }
        let variable = Variable(rawValue: plain)
        #expect(variable != nil, "nobody reads \(name)")
        #expect(plain == name || variable?.isSecret == true, "\(plain) can't be given as a file")
    }
}
