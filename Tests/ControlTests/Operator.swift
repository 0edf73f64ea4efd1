import Foundation
import Logging
import Postgres
import Redis
import Sealing
import Store
import Synchronization
import TestKit
import Testing

/// Somebody at the command line: the built `gatehouse`, with a database and a Redis of the test's own.
struct Operator: Sendable {
    let database: TestDatabase
    let redis: RedisClient
    let keys: String
    var environment: [String: String]

    /// With `.empty`, the database is not migrated.
    init(_ template: DatabaseTemplate = .gatehouse) async throws {
        database = try await TestDatabase.fresh(template)
        let name = try await database.pool.query("SELECT current_database()").decode(String.self)[0]
        let server = try await Self.redisServer.value
        let number = Self.databases.add(1, ordering: .relaxed).newValue
        let redisURL = server.url + "?db=\(number)"
        redis = RedisClient(try RedisConfiguration(url: redisURL), logger: .silent)
        keys = SealingKeys.newEntry(id: "k1")
        environment = [
            "DATABASE_URL": try await TestDatabase.server().url.replacing("/postgres?", with: "/\(name)?"),
            "REDIS_URL": redisURL,
            "APP_KEYS": keys,
            "NO_COLOR": "",
        ]
    }

    var store: Store { Store(database.pool) }
    var sealer: Sealer { get throws { Sealer(try SealingKeys(parsing: environment["APP_KEYS"] ?? "")) } }

    /// Runs the command line to its end.
    @discardableResult
    func gatehouse(_ arguments: String..., input: String? = nil) async throws -> Outcome {
        try await gatehouse(arguments, input: input)
    }

    func gatehouse(_ arguments: [String], input: String? = nil, onTerminal: Bool = false) async throws -> Outcome {
        let folder = try TestDirectory.make("cli")
        if let input { try Data(input.utf8).write(to: URL(filePath: folder + "/input")) }
        // `script` runs its words on a terminal of their own.
        let quoted = ([Self.binary] + arguments).map { "'\($0)'" }.joined(separator: " ")
        let words = onTerminal ? ["script", "-qec", quoted, "/dev/null"] : [Self.binary] + arguments
        let redirected = #"exec "$@" 2> "$OUTCOME/errors" < "$OUTCOME_INPUT""#
        let process = try ServerProcess(
            ServerProcess.Launch(
                "/bin/sh",
                ["-c", redirected, "sh"] + words,
                environment: environment.merging(
                    ["OUTCOME": folder, "OUTCOME_INPUT": input == nil ? "/dev/null" : folder + "/input"],
                    uniquingKeysWith: { $1 }
                ),
                log: folder + "/output"
            )
        )
        let exit = await process.exit()
        return Outcome(
            exit: exit,
            output: Self.text(folder + "/output"),
            errors: Self.text(folder + "/errors")
        )
    }

    struct Outcome: Sendable {
        var exit: ServerProcess.Exit
        var output: String
        var errors: String

        /// The one document on standard output.
        func document() throws -> [String: Any] {
            let value = try JSONSerialization.jsonObject(with: Data(output.utf8))
            return try #require(value as? [String: Any])
        }
    }

    /// A file with this text.
    func file(_ text: String) throws -> String {
        let path = try TestDirectory.make("file") + "/text"
        try Data(text.utf8).write(to: URL(filePath: path))
        return path
    }

    private static func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }

    private static let binary = builtProgram("gatehouse")

    private static let redisServer = Task {
        try await RedisServer(RedisServer.Options(isDurable: true, more: ["--databases", "1000"]))
    }
    private static let databases = Atomic(0)
}

extension Operator {
    /// The secret that no output may ever hold.
    static let secret = "WORDOFTHESHOP"

    /// With the site `demo` and a plan `basic` that product-7 opens.
    static func withShop() async throws -> Operator {
        let shop = try await Operator()
        try await shop.expectOK(
            "site",
            "create",
            "demo",
            "--name",
            "Demo",
            "--thrivecart-account",
            "demoshop",
            "--thrivecart-secret-file",
            try shop.file(secret + "\n")
        )
        try await shop.expectOK("plan", "create", "basic", "--name", "Basic", "--item", "product-7")
        return shop
    }

    @discardableResult
    func expectOK(_ arguments: String..., location: SourceLocation = #_sourceLocation) async throws -> Outcome {
        let outcome = try await gatehouse(arguments)
        #expect(outcome.exit == .code(0), "\(outcome.output)\(outcome.errors)", sourceLocation: location)
        return outcome
    }
}
