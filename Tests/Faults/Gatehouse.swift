package import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
package import Postgres
import Redis
package import TestKit

/// A whole Gatehouse of real processes on private servers, to be used and to be hurt.
package actor Gatehouse {
    package struct Size: Sendable {
        package var ingress: Int
        package var fulfillment: Int

        package init(ingress: Int = 1, fulfillment: Int = 1) {
            self.ingress = ingress
            self.fulfillment = fulfillment
        }
    }

    package static let account = "examplestudio"
    package static let secret = "TESTSECRET00"

    package nonisolated let redis: RedisServer
    package nonisolated let postgres: PostgresServer
    package nonisolated let pool: PostgresPool
    package nonisolated let http: HTTPClient
    package nonisolated let ingressPorts: [Int]
    private let directory: String
    private let environment: [String: String]
    private let fulfillmentPorts: [Int]
    private let fulfillmentProgram: String
    private var processes: [Role: ServerProcess] = [:]
    private var others: [ServerProcess] = []
    private var launched = 0

    /// Which process: the how-manieth of its kind.
    package enum Role: Hashable, Sendable {
        case ingress(Int)
        case fulfillment(Int)
    }

    /// Starts durable servers, migrates, makes one site with the plan `basic` for `product-7`, and starts the processes.
    ///
    /// - Parameters:
    ///   - fulfillment: which program is run as it.
    ///   - power: whether Redis' power can be cut.
    ///   - more: settings of the processes.
    package init(
        _ size: Size = Size(),
        fulfillment: String = "fulfillment",
        power: PowerCut? = nil,
        more: [String: String] = [:]
    ) async throws {
        redis = try await RedisServer(
            .init(
                isDurable: true,
                more: ["--maxmemory-policy", "noeviction"],
                environment: power?.environment ?? [:]
            )
        )
        fulfillmentProgram = fulfillment
        postgres = try await PostgresServer(.init(isDurable: true))
        pool = try postgres.pool()
        http = HTTPClient(eventLoopGroupProvider: .singleton)
        ingressPorts = try (0..<size.ingress).map { _ in try freePort() }
        fulfillmentPorts = try (0..<size.fulfillment).map { _ in try freePort() }
        directory = try TestDirectory.make("gatehouse")
        let settings = [
            "DATABASE_URL": postgres.url, "REDIS_URL": redis.url, "LOG_LEVEL": "info",
            "APP_KEYS": "k1:" + Data((0..<32).map { _ in UInt8.random(in: 0...255) }).base64EncodedString(),
        ]
        environment = settings.merging(more) { $1 }
        let word = directory + "/secret"
        try Self.secret.write(toFile: word, atomically: true, encoding: .utf8)
        try await command("migrate")
        try await command(
            "site",
            "create",
            "demo",
            "--name",
            "Demo",
            "--thrivecart-account",
            Self.account,
            "--thrivecart-secret-file",
            word
        )
        try await command("plan", "create", "basic", "--site", "demo", "--name", "Basic", "--item", "product-7")
        for number in 0..<size.ingress { try start(.ingress(number)) }
        for number in 0..<size.fulfillment { try start(.fulfillment(number)) }
        for number in 0..<size.ingress { try await ready(.ingress(number)) }
        for number in 0..<size.fulfillment { try await ready(.fulfillment(number)) }
    }

    /// Where ThriveCart would post for the one site, by each ingress process.
    package nonisolated var targets: [String] { targets(site: "demo") }

    package nonisolated func targets(site: String) -> [String] {
        ingressPorts.map { "http://127.0.0.1:\($0)/webhooks/thrivecart/\(site)" }
    }

    /// Makes a site with the plan `basic` for `product-7`, as an operator would.
    package func makeSite(_ slug: String) async throws {
        try await command(
            "site",
            "create",
            slug,
            "--name",
            slug,
            "--thrivecart-account",
            Self.account,
            "--thrivecart-secret-file",
            directory + "/secret"
        )
        try await command("plan", "create", "basic", "--site", slug, "--name", "Basic", "--item", "product-7")
    }

    // MARK: What is done to it

    package func start(_ role: Role) throws {
        let launch: ServerProcess.Launch
        switch role {
        case .ingress(let number):
            launch = process("ingress", number, ["INGRESS_PORT": "\(ingressPorts[number])"])
        case .fulfillment(let number):
            launch = process(fulfillmentProgram, number, ["FULFILLMENT_HEALTH_PORT": "\(fulfillmentPorts[number])"])
        }
        processes[role] = try ServerProcess(launch)
    }

    private func process(_ name: String, _ number: Int, _ own: [String: String]) -> ServerProcess.Launch {
        var all = environment
        all.merge(own) { $1 }
        return .init(builtProgram(name), [], environment: all, log: "\(directory)/\(name)\(number).log")
    }

    /// Waits until the process says that it can do its work.
    package func ready(_ role: Role, within patience: Duration = .seconds(60)) async throws {
        let port =
            switch role {
            case .ingress(let number): ingressPorts[number]
            case .fulfillment(let number): fulfillmentPorts[number]
            }
        let process = processes[role]
        do {
            try await eventually(within: patience) {
                guard process?.isRunning == true else { throw NotReady(role: role, log: process?.lastWords ?? "") }
                let answer = try await http.execute(
                    HTTPClientRequest(url: "http://127.0.0.1:\(port)/readyz"),
                    timeout: .seconds(2)
                )
                return answer.status == .ok
            }
        } catch {
            throw NotReady(role: role, log: "\(error)\n\(process?.lastWords ?? "")")
        }
    }

    package func pid(of role: Role) -> Int32? { processes[role]?.pid }

    /// `kill -9`.
    package func kill(_ role: Role) async {
        await processes[role]?.kill()
    }

    /// `kill -9`, and a new process at once, as a supervisor would.
    package func crash(_ role: Role) async throws {
        await kill(role)
        try start(role)
    }

    /// SIGTERM; answers how it ended.
    @discardableResult
    package func stop(_ role: Role) async -> ServerProcess.Exit? {
        await processes[role]?.stop(within: .seconds(40))
    }

    /// Runs `gatehouse …` and answers its output; throws when it fails.
    @discardableResult
    package func command(_ words: String...) async throws -> String {
        try await run(builtProgram("gatehouse"), words, environment: environment)
    }

    /// Starts `gatehouse …` and leaves it running.
    package func launch(_ words: String...) async throws -> ServerProcess {
        launched += 1
        let log = "\(directory)/command\(launched).log"
        return try ServerProcess(.init(builtProgram("gatehouse"), words, environment: environment, log: log))
    }

    /// Starts another of its programs, such as `renewals`; it ends with the rest.
    @discardableResult
    package func launch(program: String, _ own: [String: String] = [:]) throws -> ServerProcess {
        launched += 1
        let process = try ServerProcess(process(program, launched, own))
        others.append(process)
        return process
    }

    /// What a setting of its processes holds.
    package func setting(_ name: String) -> String? { environment[name] }

    /// Ends everything.
    package func end() async throws {
        for process in others + processes.values { await process.stop(within: .seconds(20)) }
        await pool.close()
        try await http.shutdown()
        await redis.stop()
        await postgres.stop()
    }

    /// Waits until the queue holds no job: nothing accepted is left to do.
    package func drained(within patience: Duration = .seconds(120)) async throws {
        let client = try redis.client()
        try await eventually(within: patience) { try await client.call(["HLEN", "jq:{fulfillment}:job"]) == .int(0) }
        await client.close()
    }

    /// Everything that its processes have written.
    package func logs() throws -> String {
        try FileManager.default.contentsOfDirectory(atPath: directory)
            .filter { $0.hasSuffix(".log") }
            .map {
                String(decoding: FileManager.default.contents(atPath: "\(directory)/\($0)") ?? Data(), as: UTF8.self)
            }
            .joined()
    }
}

package struct NotReady: Error, CustomStringConvertible {
    package var role: Gatehouse.Role
    package var log: String
    package var description: String { "\(role) did not become ready: \(log)" }
}
