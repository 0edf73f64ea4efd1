import Postgres
import TestKit
import Testing

@Suite struct `The address of Postgres` {
    @Test(arguments: [
        "postgres://gatehouse:s3cret@db.example.org:6432/gatehouse?sslmode=verify-full",
        "postgresql://u@/db?host=/run/postgresql", "postgres://", "postgres://[::1]:5432/x",
        "postgres://a,b:5433/x?target_session_attrs=read-write", "postgres://a:1,b:65535/x",
    ])
    func `is a URL as libpq knows it`(url: String) throws {
        _ = try PostgresConfiguration(url: url)
    }

    @Test(arguments: [
        "", "gatehouse", "redis://localhost", "host=localhost password=s3cret", "postgres://u:s3cret@h:5432:x/db",
        "postgres://u:s3cret@h:0/db", "postgres://u:s3cret@h:65536/db",
        "postgres://u:s3cret@h/db?nosuch=1", "postgres://u:s3cret%zz@h/db", "postgres://u:s3cret@[::1/db",
    ])
    func `of any other form is refused without being quoted`(url: String) {
        let error = #expect(throws: PostgresError.self) { try PostgresConfiguration(url: url) }
        #expect(error?.description.hasPrefix("the Postgres address can't be used: ") == true)
        #expect(error?.description.contains("s3cret") == false)
        #expect(error?.isTransient == false)
    }

    @Test func `is shown without its password`() throws {
        let configuration = try PostgresConfiguration(url: "postgres://ada:s3cret@db.example.org:6432/gatehouse")
        var dumped = ""
        dump(configuration, to: &dumped)
        for words in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!words.contains("s3cret"))
            #expect(words.contains("db.example.org:6432/gatehouse"))
        }
    }
}

@Suite struct `Signing in` {
    private func pool(_ url: String) throws -> PostgresPool {
        var configuration = try PostgresConfiguration(url: url)
        configuration.waitTimeout = .seconds(60)
        return PostgresPool(configuration, logger: .silent)
    }

    /// Fails in far less than the time we are ready to wait.
    private func refusal(of url: String) async throws -> PostgresError? {
        let pool = try pool(url)
        let started = ContinuousClock.now
        let error = await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1") }
        #expect(.now - started < .seconds(30))
        await pool.close()
        return error
    }

    @Test func `needs the right password, and a wrong one is told at once`() async throws {
        let server = try await PostgresServer(.init(hasPort: true, password: "right"))
        let pool = try pool(server.portURL())
        #expect(try await pool.query("SELECT 1").count == 1)
        await pool.close()

        let wrong = server.portURL().replacing("right", with: "wr0ng")
        let error = try await refusal(of: wrong)
        #expect(error?.sqlstate == "28P01")
        #expect(error?.isTransient == false)
        #expect(error?.description.contains("wr0ng") == false)
        #expect(try await refusal(of: server.url.replacing("/postgres?", with: "/nowhere?"))?.sqlstate == "3D000")
    }

    @Test func `happens over TLS, with the certificate checked`() async throws {
        let server = try await PostgresServer(.init(hasTLS: true))
        let authority = try #require(server.certificates).authority
        let other = try #require(server.certificates).otherAuthority

        let pool = try pool(
            server.portURL(host: "localhost", parameters: "sslmode=verify-full&sslrootcert=\(authority)")
        )
        let isEncrypted = try await pool.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        #expect(try isEncrypted.decode(Bool.self) == [true])
        // Answers of all sizes: what TLS has already read must not be waited for.
        for size in stride(from: 1_000, to: 200_000, by: 3_713) {
            let rows = try await pool.query("SELECT repeat('x', \(Int32(size))) FROM generate_series(1, 3)")
            #expect(try rows.decode(String.self).map(\.utf8.count) == [size, size, size])
        }
        await pool.close()

        var stranger = try PostgresConfiguration(
            url: server.portURL(host: "localhost", parameters: "sslmode=verify-full&sslrootcert=\(other)")
        )
        stranger.waitTimeout = .milliseconds(500)
        let refused = PostgresPool(stranger, logger: .silent)
        let error = await #expect(throws: PostgresError.self) { try await refused.query("SELECT 1") }
        #expect(error?.description.contains("certificate verify failed") == true)
        await refused.close()
    }
}
