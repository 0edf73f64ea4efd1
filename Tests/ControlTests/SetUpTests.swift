import Foundation
import TestKit
import Testing

@testable import ControlCommands

@Suite struct `Before anything is set up` {
    @Test func `a missing setting is named with its cure`() async throws {
        var someone = try await Operator(.empty)
        someone.environment["DATABASE_URL"] = ""
        someone.environment["APP_KEYS"] = ""
        let outcome = try await someone.gatehouse("site", "create", "demo", "--name", "Demo")
        #expect(outcome.exit == .code(78))
        #expect(outcome.errors.contains("DATABASE_URL"))
        #expect(outcome.errors.contains("APP_KEYS"))
        #expect(outcome.errors.contains("postgres://user:password@host:port/database"))
        #expect(outcome.output == "")
    }

    @Test func `scripts get the same as a document`() async throws {
        var someone = try await Operator(.empty)
        someone.environment["DATABASE_URL"] = ""
        let outcome = try await someone.gatehouse("members", "list", "--json")
        let error = try #require(try outcome.document()["error"] as? [String: Any])
        #expect(error["code"] as? String == "settings")
        #expect(error["exit_status"] as? Int == 78)
    }

    @Test func `a server that is away is unavailable, and its password stays unsaid`() async throws {
        var someone = try await Operator(.empty)
        someone.environment["DATABASE_URL"] = "postgres://who:HUSHHUSH@127.0.0.1:1/x"
        someone.environment["REDIS_URL"] = "redis://:HUSHHUSH@127.0.0.1:1/0"
        for words in [["members", "list"], ["queues"]] {
            let outcome = try await someone.gatehouse(words)
            #expect(outcome.exit == .code(69))
            #expect(outcome.errors.contains("fix: "))
            #expect(!(outcome.output + outcome.errors).contains("HUSHHUSH"))
        }
    }

    @Test func `a database without tables asks for the migration`() async throws {
        let someone = try await Operator(.empty)
        let outcome = try await someone.gatehouse("site", "list")
        #expect(outcome.exit == .code(1))
        #expect(outcome.errors.contains("fix: gatehouse migrate"))
    }

    @Test func `migrating tells what it did, and does it once`() async throws {
        let someone = try await Operator(.empty)
        let before = try await someone.gatehouse("migrate", "--check", "--json")
        #expect(before.exit == .code(3))
        let missing = try #require(try before.document()["pending"] as? [String])
        #expect(missing.first == "0001_sites_and_plans")

        let migrated = try await someone.gatehouse("migrate", "--json")
        #expect(migrated.exit == .code(0))
        #expect(try migrated.document()["applied"] as? [String] == missing)

        let again = try await someone.gatehouse("migrate")
        #expect(again.exit == .code(0))
        #expect(again.output == "The database is up to date.\n")
        #expect(try await someone.gatehouse("migrate", "--check").exit == .code(0))
    }
}

@Suite struct `The command line itself` {
    private struct Help: Decodable {
        struct Command: Decodable {
            struct Argument: Decodable {
                struct Name: Decodable { var name: String }
                var names: [Name]?
            }
            var commandName: String
            var discussion: String?
            var arguments: [Argument]?
            var subcommands: [Command]?

            var leaves: [Command] {
                let nested = (subcommands ?? []).filter { $0.commandName != "help" }
                return nested.isEmpty ? [self] : nested.flatMap(\.leaves)
            }
        }
        var command: Command
    }

    @Test func `every command shows an example and takes --json`() async throws {
        let outcome = try await Operator(.empty).gatehouse("--experimental-dump-help")
        let leaves = try JSONDecoder().decode(Help.self, from: Data(outcome.output.utf8)).command.leaves
        #expect(leaves.count > 25)
        for leaf in leaves {
            #expect(
                leaf.discussion?.contains("EXAMPLE\n  gatehouse ") == true || leaf.commandName == "rotate",
                "\(leaf.commandName)"
            )
            #expect(
                leaf.arguments?.contains { $0.names?.contains { $0.name == "json" } == true } == true,
                "\(leaf.commandName)"
            )
        }
    }

    @Test func `the help lists every exit status`() async throws {
        let outcome = try await Operator(.empty).gatehouse("--help")
        #expect(outcome.exit == .code(0))
        for status in ExitStatus.allCases { #expect(outcome.output.contains("\n  \(status.rawValue) ")) }
    }

    @Test(
        arguments: [
            (["plan", "create", "x", "--name", "X", "--item", "product-01"], "an External ID is product-2"),
            (["plan", "create", "x", "--name", "X", "--item", "product_1"], "an External ID is product-2"),
            (["plan", "create", "x", "--name", "X", "--item", " product-1"], "an External ID is product-2"),
            (["access", "ana", "basic"], "an e-mail address is name@example.com"),
            (["events", "list", "--since", "yesterday"], "a moment is 2026-03-01"),
            (["events", "list", "--limit", "0"], "--limit must be between 1 and 1000"),
            (["simulate", "refund"], "Whose order?"),
            (["dead", "replay"], "Name the jobs, or say --all, --kind"),
            (
                ["site", "create", "demo", "--name", "Demo", "--thrivecart-account", "a.thrivecart.com"],
                "an account's name is demoshop"
            ),
        ]
    )
    func `what is not understood says what was wanted`(words: [String], hint: String) async throws {
        let outcome = try await Operator(.empty).gatehouse(words + ["--json"])
        #expect(outcome.exit == .code(64))
        #expect(outcome.errors.contains(hint))
        let error = try #require(try outcome.document()["error"] as? [String: Any])
        #expect(error["code"] as? String == "usage")
    }

    @Test func `colours are for terminals, and NO_COLOR turns them off`() async throws {
        var shop = try await Operator.withShop()
        let plain = try await shop.gatehouse("site", "list")
        #expect(!plain.output.contains("\u{1B}"))
        let coloured = try await shop.gatehouse(["site", "list"], onTerminal: true)
        #expect(coloured.output.contains("\u{1B}[1m"))
        shop.environment["NO_COLOR"] = "1"
        let quiet = try await shop.gatehouse(["site", "list"], onTerminal: true)
        #expect(!quiet.output.contains("\u{1B}[1m"))
        #expect(quiet.output.contains("demoshop"))
    }
}
