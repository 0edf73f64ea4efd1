package import Jobs
package import Outbound
package import PayPal
package import Postgres
package import Redis
package import Sealing
import Store
import Synchronization
package import ThriveCart

/// What a command can't do without; all that is missing is told at once, before anything is done.
package enum Need: Sendable, Hashable, CaseIterable {
    case database, redis
    /// `APP_KEYS`, to open and seal the sites' secrets.
    case keys
    /// Who we are at PayPal.
    case payPal
}

/// What a command works with: no more than it said it needs.
package struct Desk: Sendable {
    private let openDatabase: PostgresPool?
    private let openRedis: RedisClient?
    private let openSealer: Sealer?
    /// How many shards a queue has, where it has several.
    let shards: [QueueName: Int]
    /// How others reach the ingress, without a slash at the end.
    let ingress: String
    /// Which addresses may be typed in for endpoints.
    let endpointRules: EndpointURL.Rules
    /// Nil where nothing says who we are at PayPal.
    let openPayPal: PayPalClient?
    /// What PayPal signs its webhooks for; nil where none is set.
    let payPalWebhookID: String?
    /// Where ThriveCart's read API is, and how often it may be asked.
    let books: Books

    package struct Books: Sendable {
        package var address: String
        /// 0 is without a limit.
        package var requestsPerMinute: Int
        /// How often PayPal is asked about its books; 0 is without a limit.
        package var payPalPerMinute: Int

        package init(
            address: String = ThriveCartAPI.address,
            requestsPerMinute: Int = 60,
            payPalPerMinute: Int = 60
        ) {
            self.address = address
            self.requestsPerMinute = requestsPerMinute
            self.payPalPerMinute = payPalPerMinute
        }
    }

    package init(
        database: PostgresPool?,
        redis: RedisClient?,
        sealer: Sealer?,
        shards: [QueueName: Int] = [:],
        ingress: String,
        endpointRules: EndpointURL.Rules = .strict,
        books: Books = Books(),
        payPal: PayPalClient? = nil,
        payPalWebhookID: String? = nil
    ) {
        openDatabase = database
        openRedis = redis
        openSealer = sealer
        self.shards = shards
        self.ingress = ingress
        self.endpointRules = endpointRules
        openPayPal = payPal
        self.payPalWebhookID = payPalWebhookID
        self.books = books
    }

    /// For a command that needs nothing, or opens what it needs by itself.
    static let empty = Desk(database: nil, redis: nil, sealer: nil, ingress: "")

    var database: PostgresPool { get throws { try openDatabase ?? Self.missing("DATABASE_URL") } }
    var store: Store { get throws { Store(try database) } }
    var redis: RedisClient { get throws { try openRedis ?? Self.missing("REDIS_URL") } }
    var sealer: Sealer { get throws { try openSealer ?? Self.missing("APP_KEYS") } }
    var payPal: PayPalClient { get throws { try openPayPal ?? Self.missing("PAYPAL_CLIENT_ID") } }

    private static func missing<Value>(_ variable: String) throws -> Value {
        throw CommandProblem.settings("\(variable) is not set", fix: "set \(variable), see .env.example")
    }

    func close() async {
        await openDatabase?.close()
        await openRedis?.close()
    }

    /// Makes a desk from the settings; `Main.swift` knows how. Throws `CommandProblem.settings` for what is missing.
    package typealias Opening = @Sendable (Set<Need>) throws -> Desk

    /// Set once, before any command runs.
    ///
    /// Because the optimiser (Swift 6.3.1) breaks a task-local value here: in release builds every command crashed.
    private static let opening = Mutex<Opening> { _ in
        throw CommandProblem.settings("nobody said where the servers are")
    }

    static func opens(by opening: @escaping Opening) { Self.opening.withLock { $0 = opening } }

    static func open(_ needs: Set<Need>) throws -> Desk { try opening.withLock { $0 }(needs) }
}
