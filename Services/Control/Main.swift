import Boot
import Configuration
import ControlCommands
import Jobs
import Logging
import PayPal
import Postgres
import Redis
import Sealing

@main struct Process {
    static func main() async {
        await Gatehouse.launch(desk)
    }

    /// Reads the settings that the command needs, all their problems at once, and says where the servers are.
    @Sendable static func desk(for needs: Set<Need>) throws -> Desk {
        let settings: Settings
        do {
            let environment = ConfigReader(provider: EnvironmentVariablesProvider())
            settings = try Settings(from: environment, needs: needs.reduce(into: []) { $0.formUnion($1.variables) })
        } catch {
            throw CommandProblem.settings("\(error)")
        }
        // What goes wrong is told once, by the command; a log of each try would only be noise.
        let silent = Logger(label: "gatehouse") { _ in SwiftLogNoOpLogHandler() }
        return Desk(
            database: needs.contains(.database) ? settings.postgres.map { PostgresPool($0, logger: silent) } : nil,
            redis: needs.contains(.redis) ? settings.redis.map { RedisClient($0, logger: silent) } : nil,
            sealer: settings.keys.map { Sealer($0) },
            shards: settings.queueShards,
            ingress: settings.appURL,
            endpointRules: settings.outbound.rules,
            books: Desk.Books(
                address: settings.thriveCart.address,
                requestsPerMinute: settings.thriveCart.requestsPerMinute,
                payPalPerMinute: settings.payPalBooksPerMinute
            ),
            // One command asks for a token of its own: it would wait for Redis longer than for PayPal.
            payPal: settings.payPal.settings.map { PayPalClient($0, logger: silent) },
            payPalWebhookID: settings.payPal.webhookID
        )
    }
}

extension Need {
    fileprivate var variables: Set<Variable> {
        switch self {
        case .database: [.databaseURL]
        case .redis: [.redisURL]
        case .keys: [.appKeys]
        case .payPal: Variable.payPal
        }
    }
}
