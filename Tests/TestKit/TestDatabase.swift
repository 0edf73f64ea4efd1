package import Postgres
import Synchronization
package import Testing

/// A database of one test's own, on the one server that all tests of the process share.
///
///     let database = try await TestDatabase.fresh()
///     try await database.pool.query("CREATE TABLE t (id bigint)")
///
/// or `@Suite(.database(template))`, and then `TestDatabase.current`. It is dropped when nobody holds it any more. Because the
/// server is shared, no test may stop it or change its settings: start a `PostgresServer` for that.
package final class TestDatabase: Sendable {
    package let configuration: PostgresConfiguration
    package let pool: PostgresPool
    private let name: String
    private let admin: PostgresPool

    private init(name: String, on cluster: Cluster) throws {
        self.name = name
        admin = cluster.admin
        configuration = try cluster.server.configuration().database(name)
        pool = PostgresPool(configuration, logger: .silent)
    }

    deinit {
        let (name, admin, pool) = (name, admin, pool)
        Task {
            await pool.close()
            try await admin.query("DROP DATABASE IF EXISTS \(identifier: name) WITH (FORCE)")
        }
    }

    /// A copy of the template; without one, an empty database.
    package static func fresh(_ template: DatabaseTemplate = .empty) async throws -> TestDatabase {
        let cluster = try await shared.value
        let source = try await cluster.database(of: template)
        let name = "test\(counter.add(1, ordering: .relaxed).newValue)"
        try await cluster.copy(source, to: name)
        return try TestDatabase(name: name, on: cluster)
    }

    package static func server() async throws -> PostgresServer { try await shared.value.server }

    /// The database of the test that runs, in suites and tests with the trait `.database`.
    @TaskLocal package static var current: TestDatabase?

    private static let shared = Task { try await Cluster() }
    private static let counter = Atomic(0)
}

/// What every database of a kind begins with; made once in a test process.
package struct DatabaseTemplate: Sendable {
    /// Letters and digits, unlike that of any other template.
    package let name: String
    /// Fills the database, then closes its connections.
    package let prepare: @Sendable (PostgresPool) async throws -> Void

    package init(_ name: String, prepare: @escaping @Sendable (PostgresPool) async throws -> Void) {
        self.name = name
        self.prepare = prepare
    }

    package static let empty = DatabaseTemplate("empty") { _ in }
}

/// The shared server and the templates on it.
private final class Cluster: Sendable {
    let server: PostgresServer
    let admin: PostgresPool
    private let templates = Mutex<[String: Task<String, any Error>]>([:])

    init() async throws {
        server = try await PostgresServer()
        admin = try server.pool { configuration in
            // Many tests may begin at once.
            configuration.waitTimeout = .seconds(120)
            configuration.statementTimeout = .seconds(120)
        }
    }

    /// The name of the template's database, which is made if there is none yet.
    func database(of template: DatabaseTemplate) async throws -> String {
        let task = templates.withLock { templates in
            if let task = templates[template.name] { return task }
            let task = Task { try await make(template) }
            templates[template.name] = task
            return task
        }
        return try await task.value
    }

    private func make(_ template: DatabaseTemplate) async throws -> String {
        let name = "template_\(template.name)"
        try await admin.query("CREATE DATABASE \(identifier: name)")
        let pool = PostgresPool(try server.configuration().database(name), logger: .silent)
        do {
            try await template.prepare(pool)
        } catch {
            await pool.close()
            throw error
        }
        await pool.close()
        return name
    }

    func copy(_ source: String, to name: String) async throws {
        try await eventually {
            do {
                try await admin.query(
                    "CREATE DATABASE \(identifier: name) TEMPLATE \(identifier: source) STRATEGY FILE_COPY"
                )
                return true
            } catch let error as PostgresError where error.sqlstate == "55006" {
                // Somebody is still connected to the template: the server needs a moment to see that we left.
                return false
            }
        }
    }
}

// MARK: As a trait

package struct DatabaseTrait: TestTrait, SuiteTrait, TestScoping {
    let template: DatabaseTemplate

    /// Inherited by the tests of a suite, so that each has its own.
    package var isRecursive: Bool { true }

    package func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        // A suite as such needs none.
        guard testCase != nil else { return try await function() }
        try await TestDatabase.$current.withValue(try await TestDatabase.fresh(template)) {
            try await function()
        }
    }
}

extension Trait where Self == DatabaseTrait {
    package static func database(_ template: DatabaseTemplate = .empty) -> Self { Self(template: template) }
}
